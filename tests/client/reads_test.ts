/**
 * The client: its reads, and what happens to a message whose reader has given up.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type Connection, DsmqError, serve } from "@dsmq/server";
import { type ScriptedRequest, ScriptedServer, WELCOME } from "../support/scripted_server.ts";

const one = { seq: 1, body: "one" };
const two = { seq: 2, body: "two" };
const three = { seq: 3, body: "three" };

/** A `getWait` that was sent, and whose reader gave up: its answer is still to come. */
async function abandoned(mq: Connection, script: ScriptedServer): Promise<ScriptedRequest> {
  const controller = new AbortController();
  const waiting = mq.getWait("t", { signal: controller.signal });
  const request = await script.next();
  controller.abort();
  await assertRejects(() => waiting, DOMException);
  const cancel = await script.next();
  assertEquals([request.action, cancel.action, cancel.wait], ["get_wait", "cancel", request.id]);
  return request;
}

Deno.test("a getWait sends its timeout in whole milliseconds, by default ten seconds", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  for (const [timeout, sent] of [[undefined, 10_000], [0, 0], [0.1, 1], [99, 99]] as const) {
    const options = timeout === undefined ? {} : { timeout };
    const waiting = mq.getWait("t", options);
    const request = await script.next();
    await script.reply(request);
    assertEquals([request.timeout, await waiting], [sent, ""]);
    const reading = mq.read("t", { wait: timeout ?? 10_000 });
    const alike = await script.next();
    await script.reply(alike);
    assertEquals([alike.action, alike.timeout, await reading], ["get_wait", sent, undefined]);
  }
});

Deno.test("an abort ends a waiting read, too", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const controller = new AbortController();
  const waiting = mq.read("t", { wait: 10_000, signal: controller.signal });
  const { id } = await script.next();
  controller.abort();
  await assertRejects(() => waiting, DOMException);
  const { action, wait } = await script.next();
  assertEquals([action, wait], ["cancel", id]);
});

Deno.test("an abort ends a getWait with its reason, and cancels it at the server", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  const controller = new AbortController();
  const reason = new Error("enough");
  const waiting = mq.getWait("t", { signal: controller.signal, timeout: 60_000 });
  await mq.get("a later request");
  controller.abort(reason);
  assert(await assertRejects(() => waiting, Error) === reason);
  // The server has cancelled it: a plain get has no waiter before it any more.
  await mq.put("t", "message");
  assertEquals(await mq.get("t"), "message");
});

Deno.test("a signal that has already aborted keeps a getWait from being sent", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  await assertRejects(() => mq.getWait("t", { signal: AbortSignal.abort() }), DOMException);
  const get = mq.get("t");
  const request = await script.next();
  await script.reply(request, one);
  assertEquals([request.action, await get], ["get", "one"]);
});

Deno.test("an abort after the answer changes nothing, and leaves no listener", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const controller = new AbortController();
  let listeners = 0;
  const { signal } = controller;
  const [add, remove] = [
    signal.addEventListener.bind(signal),
    signal.removeEventListener.bind(signal),
  ];
  signal.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add(...args));
  signal.removeEventListener = (
    ...args: Parameters<typeof remove>
  ) => (listeners--, remove(...args));
  const waiting = mq.getWait("t", { signal });
  const request = await script.next();
  assertEquals(listeners, 1);
  await script.reply(request, one);
  assertEquals([await waiting, listeners], ["one", 0]);
  controller.abort();
  const get = mq.get("t");
  // If the abort had been noticed, a cancel would come first.
  const next = await script.next();
  await script.reply(next);
  assertEquals([next.action, await get], ["get", ""]);
});

Deno.test("a message that arrives after its getWait was aborted is kept for the next get", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  await script.reply(await abandoned(mq, script), one);
  // No request is needed: the message is here.
  assertEquals(await mq.get("t"), "one");
  assertEquals(script.unread, []);
});

Deno.test("it is kept for the next getWait, and for read, with all that is known of it", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  await script.reply(await abandoned(mq, script), one);
  assertEquals(await mq.getWait("t"), "one");
  await script.reply(await abandoned(mq, script), two);
  assertEquals(await mq.read("t"), {
    topic: "t",
    body: "two",
    seq: 2,
    position: `${WELCOME.epoch}:2`,
    time: 1,
  });
});

Deno.test("it is kept for its own topic only", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  await script.reply(await abandoned(mq, script), one);
  const other = mq.get("u");
  await script.reply(await script.next());
  assertEquals(await other, "");
  assertEquals(await mq.get("t"), "one");
});

Deno.test("several that arrived late are kept in order", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const first = await abandoned(mq, script);
  const second = await abandoned(mq, script);
  await script.reply(first, one);
  await script.reply(second, two);
  assertEquals([await mq.get("t"), await mq.get("t")], ["one", "two"]);
});

Deno.test("a get sent before the late message arrived gets it, and the get's own answer goes to the next", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const late = await abandoned(mq, script);
  const get = mq.get("t");
  const request = await script.next();
  await script.reply(late, one);
  assertEquals(await get, "one");
  await script.reply(request, two);
  assertEquals(await mq.get("t"), "two");
});

Deno.test("a late message goes to the first of several waiters, and each further one to the next", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const late = await abandoned(mq, script);
  const waiters = [mq.getWait("t"), mq.getWait("t")];
  const [first, second] = [await script.next(), await script.next()];
  await script.reply(late, one);
  assertEquals(await waiters[0], "one");
  // The first has what it wanted, so its own request is cancelled; the answer may still be a message.
  assertEquals([(await script.next()).wait, script.unread], [first.id, []]);
  await script.reply(first, two);
  assertEquals(await waiters[1], "two");
  assertEquals((await script.next()).wait, second.id);
  await script.reply(second, three);
  assertEquals(await mq.get("t"), "three");
});

Deno.test("a late answer without a message lets the others wait on", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const late = await abandoned(mq, script);
  const waiting = mq.getWait("t");
  const request = await script.next();
  await script.reply(late);
  await script.reply(request, one);
  assertEquals(await waiting, "one");
});

Deno.test("getLatest returns a kept message if there is none newer", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const [first, second] = [await abandoned(mq, script), await abandoned(mq, script)];
  await script.reply(first, one);
  await script.reply(second, two);
  const latest = mq.getLatest("t");
  await script.reply(await script.next());
  assertEquals(await latest, "two");
  const get = mq.get("t");
  await script.reply(await script.next());
  assertEquals(await get, "");
});

Deno.test("getLatest skips kept messages if there is a newer one", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  await script.reply(await abandoned(mq, script), one);
  const latest = mq.getLatest("t");
  await script.reply(await script.next(), two);
  assertEquals(await latest, "two");
  const get = mq.get("t");
  await script.reply(await script.next());
  assertEquals(await get, "");
});

Deno.test("getLatest skips a late message that arrives just before its answer", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const late = await abandoned(mq, script);
  const latest = mq.getLatest("t");
  const request = await script.next();
  await script.reply(late, one);
  await script.reply(request, two);
  assertEquals(await latest, "two");
  const get = mq.get("t");
  await script.reply(await script.next());
  assertEquals(await get, "");
});

Deno.test("a get called after a getLatest never returns an older message", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  await script.reply(await abandoned(mq, script), one);
  const latest = mq.getLatest("t");
  const get = mq.get("t");
  await script.reply(await script.next(), two);
  assertEquals(await latest, "two");
  // The get may have been sent to the server, which then has nothing.
  if (script.unread.length > 0) await script.reply(await script.next());
  assertEquals(await get, "");
});

Deno.test("a get called after a getLatest does not get an older message that arrives late", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const late = await abandoned(mq, script);
  const latest = mq.getLatest("t");
  const get = mq.get("t");
  const [newest, oldest] = [await script.next(), await script.next()];
  await script.reply(late, one);
  await script.reply(newest, two);
  await script.reply(oldest, three);
  assertEquals([await latest, await get], ["two", "three"]);
});

Deno.test("a subscription begins with the messages that were kept", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  await script.reply(await abandoned(mq, script), { seq: 7, body: "seven" });
  await using _stream = mq.subscribe("t");
  const { id, since } = await script.next();
  assertEquals(since, { after: 6, epoch: "e" });
  await script.send({ id, sub: id, start: 6 });
});

Deno.test("a getLatest that fails skips none of the kept messages", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const [early, late, last] = [
    await abandoned(mq, script),
    await abandoned(mq, script),
    await abandoned(mq, script),
  ];
  await script.reply(early, one);
  const latest = assertRejects(() => mq.getLatest("t"), DsmqError, "no");
  const { id } = await script.next();
  await script.reply(late, two);
  await script.reply(last, three);
  await script.send({ id, error: { code: "unavailable", message: "no" } });
  await latest;
  const got = [await mq.get("t"), await mq.get("t"), await mq.get("t")];
  assertEquals(got, ["one", "two", "three"]);
});

Deno.test("a kept message outlives the failure of a read that was given up long before", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const first = await abandoned(mq, script);
  // Nothing is remembered of the topic when this is answered.
  const get = mq.get("t");
  await script.reply(await script.next());
  assertEquals(await get, "");
  await script.reply(await abandoned(mq, script), one);
  await script.send({ id: first.id, error: { code: "unavailable", message: "no" } });
  assertEquals(await mq.get("t"), "one");
});
