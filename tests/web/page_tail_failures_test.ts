/**
 * What a tail shows when something fails, and after that.
 *
 * @module
 */

import { DsmqError } from "@dsmq/server";
import { assertEquals } from "@std/assert";
import { HttpError, NoAnswerError } from "../../web/page/server_api.ts";
import { tailFailure } from "../../web/page/tail_failure.ts";
import { openTail, seqsOf, settled, upTo } from "../support/opened_tail.ts";
import { PageServer } from "../support/page_server.ts";

const busy = () => new HttpError(new Response(null, { status: 503 }), { detail: "busy" });

Deno.test("a failure is shown until messages come again, and what fails for good is not tried again", async () => {
  const server = new PageServer();
  server.put([1]);
  using scene = openTail(server);
  server.failure = new NoAnswerError("There is no connection to the server.");
  scene.tail.live();
  await scene.until((state) => state.error === "There is no connection to the server.");
  await scene.until((state) => state.error === undefined);
  await scene.has(1);
  server.failure = new HttpError(new Response(null, { status: 400 }), { detail: "Invalid topic" });
  scene.tail.live();
  await scene.until((state) => state.error === "Invalid topic");
  server.put([2]);
  await settled();
  const { error, isLoading } = scene.tail.state.value;
  assertEquals([error, isLoading], ["Invalid topic", false]);
});

Deno.test("a subscription that is refused is shown as such until it stands, also where nothing comes", async () => {
  const server = new PageServer();
  using scene = openTail(server, { isStill: true });
  server.refusal = new DsmqError("limit_exceeded", "Too many subscriptions", { limit: 1 });
  scene.tail.live();
  await settled();
  assertEquals(scene.tail.state.value.error, "Too many subscriptions");
  // It waits, and subscribes again; it is not refused at once; and not for a while.
  await scene.pass();
  assertEquals(scene.tail.state.value.error, "Too many subscriptions");
  await scene.pass();
  assertEquals(scene.tail.state.value.error, undefined);
});

Deno.test("after a failure a tail that sampled does so no more", async () => {
  const server = new PageServer();
  using scene = openTail(server);
  scene.tail.live();
  await scene.until((state) => !state.isLoading);
  server.put(upTo(1100));
  await scene.until((state) => state.isSampling);
  server.failure = busy();
  await scene.until((state) => state.error === "busy");
  assertEquals(scene.tail.state.value.isSampling, false);
  await scene.until((state) => seqsOf(state).at(-1) === 1100);
  const { error, isSampling } = scene.tail.state.value;
  assertEquals([error, isSampling], [undefined, false]);
});

Deno.test("a replay that fails goes on where it was, with what was asked for", async () => {
  const server = new PageServer();
  server.put(upTo(450));
  using scene = openTail(server, { isStill: true });
  scene.tail.replay("start");
  await scene.until(({ hasMore, isLoading }) => hasMore && !isLoading);
  await settled();
  server.refusal = busy();
  scene.tail.more();
  await scene.until((state) => state.error === "busy");
  const { hasMore, isLoading } = scene.tail.state.value;
  assertEquals([hasMore, isLoading], [true, false]);
  await scene.pass();
  await scene.until((state) => state.error === undefined && !state.isLoading);
  assertEquals(seqsOf(scene.tail.state.value), upTo(400));
  server.refusal = new DsmqError("permission_denied", "You may not read that");
  scene.tail.more();
  await scene.until((state) => state.error === "You may not read that");
  await settled();
  const { state: { value } } = scene.tail;
  assertEquals([value.hasMore, value.isLoading, value.isSampling], [false, false, false]);
});

Deno.test("what the client refuses is told in its words, and not tried again; a connection is", () => {
  assertEquals(tailFailure(new RangeError("Cannot subscribe: since must be …")), {
    text: "Cannot subscribe: since must be …",
    delay: undefined,
  });
  assertEquals(tailFailure(new NoAnswerError("The server takes too long to answer.")), {
    text: "The server takes too long to answer.",
    delay: 1000,
  });
  assertEquals(tailFailure(busy()).delay, 5000);
});
