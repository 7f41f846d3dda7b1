/**
 * The example of a message queue for Fedify, by the tester that Fedify has for its own.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
// Of the same version: without this the tester loads the newest.
import "@fedify/fedify";
import { testMessageQueue } from "@fedify/testing";
import { DsmqMessageQueue } from "../../examples/fedify/message_queue.ts";
import { openServer } from "../support/open_server.ts";

Deno.test("Fedify's tester of message queues is content with dsmq, also with the order by key", async () => {
  await using server = await openServer();
  await using stack = new AsyncDisposableStack();
  await testMessageQueue(
    async () => new DsmqMessageQueue(stack.use(await connect(server.url))),
    ({ controller }) => controller.abort(),
    { testOrderingKey: true },
  );
});

Deno.test("the example for Fedify tells how much waits, tries again, and has at most 60 lines", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  const options = { backoff: { minDelay: 1, maxDelay: 1 } };
  const queue = new DsmqMessageQueue(mq, "inbox", { ...options, onError: () => {} });
  assertEquals(await queue.getDepth(), { queued: 0, ready: 0, delayed: 0 });
  await mq.createGroup("inbox");
  await queue.enqueue({ n: 1 });
  await queue.enqueueMany([{ n: 2 }, { n: 3 }], { orderingKey: "k" });
  await queue.enqueue({ n: 4 }, { delay: Temporal.Duration.from({ hours: 1 }) });
  assertEquals((await queue.getDepth()).queued, 4);
  const stop = new AbortController();
  const handled: unknown[] = [];
  await queue.listen((message) => {
    handled.push(message);
    if (handled.length === 1) throw new Error("not yet");
    if (handled.length === 4) stop.abort();
  }, { signal: stop.signal });
  assertEquals(new Set(handled.map((one) => (one as { n: number }).n)), new Set([1, 2, 3]));
  assertEquals(await queue.getDepth(), { queued: 1, ready: 0, delayed: 1 });
  await queue.listen(() => {}, { signal: stop.signal });
  const text = await Deno.readTextFile(
    new URL("../../examples/fedify/message_queue.ts", import.meta.url),
  );
  assert(text.trimEnd().split("\n").length <= 60);
});
