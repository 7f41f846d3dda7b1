/**
 * The client: its subscriptions.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type Connection, DsmqError, type MessageStream, serve } from "@dsmq/server";
import { until } from "../support/bridge.ts";
import { openServer } from "../support/open_server.ts";
import { ScriptedServer } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** How much the client accepts ahead of what is read. */
const WINDOW = { messages: 4096, bytes: 4 * 1024 * 1024 };

const quiet = { info() {}, warn() {}, error() {} };

/** A stream that the scripted server has opened; it begins after 0. */
async function opened(
  mq: Connection,
  script: ScriptedServer,
): Promise<{ sub: number; stream: MessageStream }> {
  const stream = mq.subscribe("t");
  const { id, action, topic, messages, bytes } = await script.next();
  assertEquals([action, topic, messages, bytes], ["subscribe", "t", WINDOW.messages, WINDOW.bytes]);
  await script.send({ id, sub: id, start: 0 });
  return { sub: id, stream };
}

/** A frame of messages with these sequence numbers, which are also their texts. */
function frame(
  sub: number,
  prev: number,
  seqs: readonly number[],
  bytes = seqs.reduce((sum, seq) => sum + 2 + `${seq}`.length, 0),
): object {
  return { sub, prev, bytes, seqs, times: seqs.map(() => 1), bodies: seqs.map(String) };
}

/** Numbers from one to another. */
function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

Deno.test("leaving the loop ends a subscription on both sides", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const { sub, stream } = await opened(mq, script);
  await script.send(frame(sub, 0, [1, 2]));
  for await (const { body } of stream) {
    assertEquals(body, "1");
    break;
  }
  const { action, sub: unsubscribed } = await script.next();
  assertEquals([action, unsubscribed], ["unsubscribe", sub]);
  // What was in flight is dropped, and is not a defect.
  await script.send(frame(sub, 2, [3]));
  assertEquals(await stream.next(), { done: true, value: undefined });
});

Deno.test("a server delivers no more to a subscription that was left", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  await using other = await connect(server.url);
  await mq.put("t", "one");
  for await (const _message of mq.subscribe("t")) break;
  for await (const _message of other.subscribe("t", { since: "start" })) break;
  await Promise.all([mq.get("a later request"), other.get("a later request")]);
  const { delivered } = server.stats();
  await mq.putMany("t", ["two", "three"]);
  assertEquals(server.stats().delivered, delivered);
});

Deno.test("await using, return() and an error in the loop end a subscription, too", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  {
    await using _stream = (await opened(mq, script)).stream;
  }
  assertEquals((await script.next()).action, "unsubscribe");
  const { stream } = await opened(mq, script);
  const waiting = stream.next();
  await stream.return!();
  assertEquals((await script.next()).action, "unsubscribe");
  assertEquals(await waiting, { done: true, value: undefined });
  const failing = await opened(mq, script);
  await script.send(frame(failing.sub, 0, [1]));
  await assertRejects(
    async () => {
      for await (const _message of failing.stream) throw new Error("of the reader");
    },
    Error,
    "of the reader",
  );
  assertEquals((await script.next()).action, "unsubscribe");
  // Once is enough.
  await failing.stream.return!();
  assertEquals(script.unread, []);
});

Deno.test("an abort ends a subscription with its reason, on both sides", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const controller = new AbortController();
  const stream = mq.subscribe("t", { signal: controller.signal });
  const { id } = await script.next();
  await script.send({ id, sub: id, start: 0 });
  await script.send(frame(id, 0, [1, 2]));
  assertEquals((await stream.next()).value?.seq, 1);
  const reason = new Error("enough");
  controller.abort(reason);
  assertEquals((await script.next()).action, "unsubscribe");
  assert(await assertRejects(() => stream.next(), Error) === reason);
  assertEquals(await stream.next(), { done: true, value: undefined });
});

Deno.test("an abort wakes a waiting subscription; a signal that has already aborted throws", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  const controller = new AbortController();
  const waiting = mq.subscribe("t", { signal: controller.signal }).next();
  controller.abort();
  assertEquals((await assertRejects(() => withTimeout(waiting), DOMException)).name, "AbortError");
  let name = "";
  try {
    mq.subscribe("t", { signal: controller.signal });
  } catch (error) {
    name = (error as Error).name;
  }
  assertEquals(name, "AbortError");
});

Deno.test("several next() at once get message after message", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const { sub, stream } = await opened(mq, script);
  const waiting = [stream.next(), stream.next(), stream.next()];
  await script.send(frame(sub, 0, [1, 2]));
  await script.send(frame(sub, 2, [5]));
  assertEquals((await Promise.all(waiting)).map(({ value }) => value?.seq), [1, 2, 5]);
});

Deno.test("credit in messages is returned half a window at a time, as they are read", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const { sub, stream } = await opened(mq, script);
  const half = WINDOW.messages / 2;
  await script.send(frame(sub, 0, range(1, half - 1)));
  await script.send(frame(sub, half - 1, [half, half + 1]));
  await script.send(frame(sub, half + 1, range(half + 2, 2 * half)));
  // Whatever has arrived: unless it is read, nothing is returned.
  assertEquals(script.unread, []);
  for (let i = 1; i < half; i++) await stream.next();
  assertEquals(script.unread, []);
  for (let i = half; i <= half + 1; i++) await stream.next();
  const credit = await script.next();
  assertEquals([credit.action, credit.sub, credit.messages], [
    "credit",
    sub,
    half + 1 + WINDOW.messages,
  ]);
  for (let i = half + 2; i <= 2 * half; i++) assertEquals((await stream.next()).value?.seq, i);
  assertEquals(script.unread, []);
  await script.send(frame(sub, 2 * half, range(2 * half + 1, 3 * half + 1)));
  for (let i = 2 * half; i < 3 * half + 1; i++) await stream.next();
  assertEquals((await script.next()).messages, 3 * half + 1 + WINDOW.messages);
});

Deno.test("credit in bytes is returned half a window at a time", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const { sub, stream } = await opened(mq, script);
  const half = WINDOW.bytes / 2;
  await script.send(frame(sub, 0, [1], half - 3));
  await script.send(frame(sub, 1, [2], 3));
  await stream.next();
  assertEquals(script.unread, []);
  await stream.next();
  const credit = await script.next();
  assertEquals([credit.action, credit.bytes, credit.messages], [
    "credit",
    half + WINDOW.bytes,
    2 + WINDOW.messages,
  ]);
});

Deno.test("the window has room for two messages of the largest size", async () => {
  await using server = await serve({ port: 0, limits: { messageBytes: 8_000_000 } });
  await using mq = await connect(server.url);
  await using stream = mq.subscribe("t");
  const message = "x".repeat(7_999_998);
  for (let i = 0; i < 3; i++) await mq.put("t", message);
  for (let i = 0; i < 3; i++) assert((await stream.next()).value?.body === message);
});

Deno.test("a hole in the stream is an error, and ends it on both sides", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const { sub, stream } = await opened(mq, script);
  await script.send(frame(sub, 0, [1, 4]));
  assertEquals((await stream.next()).value?.seq, 1);
  assertEquals((await stream.next()).value?.seq, 4);
  await script.send(frame(sub, 5, [6]));
  const error = await assertRejects(() => stream.next(), DsmqError, "after 5");
  assertEquals([error.code, error.topic, mq.status], ["protocol_error", "t", "closed"]);
  assertEquals(script.closeCode, 1000);
  assert((await stream.next()).done);
});

Deno.test("a first frame that does not follow the start is a hole as well", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const { sub, stream } = await opened(mq, script);
  await script.send(frame(sub, 3, [4]));
  assertEquals((await assertRejects(() => stream.next(), DsmqError)).code, "protocol_error");
});

Deno.test("messages that arrived before a hole are delivered before its error", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const { sub, stream } = await opened(mq, script);
  await script.send(frame(sub, 0, [1, 2]));
  await script.send(frame(sub, 3, [4]));
  assertEquals((await stream.next()).value?.seq, 1);
  assertEquals((await stream.next()).value?.seq, 2);
  assertEquals((await assertRejects(() => stream.next(), DsmqError)).code, "protocol_error");
});

Deno.test("an iterator that is not pulled stops the server at the window", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  await using putter = await connect(server.url);
  await using stream = mq.subscribe("t");
  const total = WINDOW.messages + 1000;
  await putter.putMany("t", range(1, total).map(String));
  await until(() => server.stats().delivered >= WINDOW.messages);
  // The server has answered a later request: it sends no more.
  await mq.get("a later request");
  assertEquals(server.stats().delivered, WINDOW.messages);
  for (let i = 1; i <= total; i++) assertEquals((await stream.next()).value?.body, String(i));
  assertEquals(server.stats().delivered, total);
});

Deno.test("one slow subscription does not hold up another, nor gets", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  await using _slow = mq.subscribe("t");
  await using stream = mq.subscribe("t");
  const total = 3 * WINDOW.messages;
  await mq.putMany("t", range(1, total).map(String));
  for (let i = 1; i <= total; i++) assertEquals((await stream.next()).value?.body, String(i));
  assertEquals(await mq.getLatest("t"), String(total));
});

Deno.test("a subscription that cannot begin where it should rejects its first next()", async () => {
  await using server = await serve({ port: 0, log: quiet });
  await using mq = await connect(server.url);
  const last = await mq.put("t", "one");
  await using stream = mq.subscribe("t", { since: last + 5 });
  const error = await assertRejects(() => stream.next(), DsmqError);
  assertEquals([error.code, error.after, error.last, error.topic], [
    "ahead",
    last + 5,
    last,
    "t",
  ]);
  assert((await stream.next()).done);
  await using now = mq.subscribe("t", { since: last + 5, onGap: "now" });
  await mq.put("t", "two");
  assertEquals((await now.next()).value?.body, "two");
});

Deno.test("a server that allows little credit streams all the same, the largest message included", async () => {
  for (const creditMessages of [1, 2, 3]) {
    for (const creditBytes of [100, 101, 150, 199]) {
      const limits = { messageBytes: 100, creditMessages, creditBytes };
      await using server = await openServer({ limits });
      await using mq = await connect(server.url);
      const messages = Array.from({ length: 12 }, (_, i) => `${i}`.padEnd(98 - 7 * (i % 5), "x"));
      const stream = mq.subscribe("t");
      await mq.putMany("t", messages);
      for (const message of messages) {
        assertEquals((await withTimeout(stream.next())).value?.body, message);
      }
      await stream.return?.();
    }
  }
});
