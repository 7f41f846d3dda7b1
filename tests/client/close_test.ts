/**
 * The client: how a connection ends, by its own doing and otherwise.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type Connection, DsmqError, serve } from "@dsmq/server";
import { until } from "../support/bridge.ts";
import { codeOf } from "../support/code_of.ts";
import { inVirtualTime } from "../support/in_virtual_time.ts";
import { ScriptedServer } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";
import { CuttableProxy } from "../support/cuttable_proxy.ts";

/** Every method of a connection. */
const calls: Readonly<Record<string, (mq: Connection) => Promise<unknown>>> = {
  put: (mq) => mq.put("t", "message"),
  putMany: (mq) => mq.putMany("t", ["message"]),
  get: (mq) => mq.get("t"),
  getLatest: (mq) => mq.getLatest("t"),
  getWait: (mq) => mq.getWait("t"),
  read: (mq) => mq.read("t"),
  subscribe: (mq) => mq.subscribe("t").next(),
  topics: (mq) => mq.topics(),
  shutdownServer: (mq) => mq.shutdownServer(),
};

for (const [name, call] of Object.entries(calls)) {
  Deno.test(`${name} on a closed connection rejects with closed`, async () => {
    await using server = await serve({ port: 0 });
    const mq = await connect(server.url);
    await mq.close();
    assertEquals(await codeOf(call(mq)), "closed");
  });

  Deno.test(`${name} on a connection whose server is gone rejects with closed`, async () => {
    const server = await serve({ port: 0, allowShutdown: true });
    await using mq = await connect(server.url, { reconnect: false });
    const stream = mq.subscribe("t");
    await server.shutdown();
    // The end of the stream shows that the client knows it.
    assertEquals(await codeOf(stream.next()), "closed");
    assertEquals(await codeOf(call(mq)), "closed");
  });
}

Deno.test("close sends what was put, and waits until it is stored", async () => {
  await using server = await serve({ port: 0 });
  const mq = await connect(server.url);
  const puts = [mq.put("t", "one"), mq.put("t", "two"), mq.putMany("t", ["three", "four"])];
  await mq.close();
  await using reader = await connect(server.url, { since: "start" });
  const [one, two, [three, four]] = await Promise.all(puts) as [number, number, number[]];
  for (const [seq, body] of [[one, "one"], [two, "two"], [three, "three"], [four, "four"]]) {
    const message = await reader.read("t");
    assertEquals([message?.seq, message?.body], [seq, body]);
  }
});

Deno.test("close does not send its close frame before all puts are answered", async () => {
  const script = new ScriptedServer();
  const mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const closed = Promise.all([mq.put("t", "message"), mq.close()]);
  const { id } = await script.next();
  await script.send({ heartbeat: 10_000, time: 1, last: 0, floor: 0 });
  assertEquals(script.closeCode, undefined);
  await script.send({ id, seq: 7 });
  assertEquals([(await closed)[0], script.closeCode], [7, 1000]);
});

Deno.test("close waits for the answers to earlier calls", async () => {
  await using server = await serve({ port: 0 });
  const mq = await connect(server.url);
  await mq.put("t", "message");
  const replies = [mq.get("t"), mq.get("t"), mq.getLatest("t")];
  await mq.close();
  assertEquals(await Promise.all(replies), ["message", "", ""]);
});

Deno.test("close rejects a waiting getWait, and does not wait for its timeout", async () => {
  await using server = await serve({ port: 0 });
  const mq = await connect(server.url);
  const waiting = mq.getWait("t", { timeout: 60_000 });
  await mq.get("a later request");
  const [code] = await Promise.all([codeOf(waiting), withTimeout(mq.close())]);
  assertEquals(code, "closed");
});

Deno.test("close ends a subscription without an error, and drops unread messages", async () => {
  await using server = await serve({ port: 0 });
  const mq = await connect(server.url);
  const waiting = mq.subscribe("t").next();
  const unread = mq.subscribe("u", { since: "start" });
  await mq.putMany("u", ["one", "two", "three"]);
  assertEquals((await unread.next()).value?.body, "one");
  await withTimeout(mq.close());
  assertEquals(await waiting, { done: true, value: undefined });
  assertEquals(await unread.next(), { done: true, value: undefined });
});

Deno.test("close may be called twice, one call after the other", async () => {
  await using server = await serve({ port: 0 });
  const mq = await connect(server.url);
  await mq.close();
  await withTimeout(mq.close());
});

Deno.test("close may be called twice at once, while answers are pending", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  const put = mq.put("t", "message");
  await withTimeout(Promise.all([mq.close(), mq.close()]));
  assert(await put > 0);
});

Deno.test("close does not wait long for a server that does not answer the close frame", async () => {
  const script = new ScriptedServer({ answersClose: false });
  const mq = await connect(script.url, { dial: script.dial, reconnect: false });
  await withTimeout(mq.close());
  assertEquals(script.closeCode, 1000);
  assertEquals(await codeOf(mq.get("t")), "closed");
});

Deno.test("close waits 5 s for the last answers, and no longer", async () => {
  await inVirtualTime(async () => {
    const script = new ScriptedServer();
    const mq = await connect(script.url, { dial: script.dial, reconnect: false });
    // Not `codeOf`, which waits for 5 s, too.
    const put = mq.put("t", "message").catch(({ code }) => code);
    await script.next();
    const began = performance.now();
    await mq.close();
    assertEquals([performance.now() - began, await put], [5000, "unknown_outcome"]);
  });
});

Deno.test("await using closes", async () => {
  await using server = await serve({ port: 0 });
  let put: Promise<number>;
  {
    await using mq = await connect(server.url);
    put = mq.put("t", "message");
  }
  assert(await put > 0);
  // The server learns of it when it reads the answer to its own close frame.
  await until(() => server.stats().connections === 0);
});

Deno.test("a server that stops ends a getWait with shutting_down, and a subscription with closed", async () => {
  const server = await serve({ port: 0, log: { info() {}, warn() {}, error() {} } });
  await using mq = await connect(server.url, { reconnect: false });
  const waiting = codeOf(mq.getWait("t"));
  const streaming = codeOf(mq.subscribe("t").next());
  await mq.get("a later request");
  await server.shutdown();
  assertEquals([await waiting, await streaming], ["shutting_down", "closed"]);
});

Deno.test("a connection that is cut rejects reads with closed, and unanswered puts with unknown_outcome", async () => {
  await using server = await serve({ port: 0 });
  await using proxy = new CuttableProxy(server.port);
  await using mq = await connect(proxy.url, { reconnect: false });
  const streaming = codeOf(mq.subscribe("t").next());
  const waiting = codeOf(mq.getWait("t"));
  await mq.put("u", "answered");
  proxy.dropUpstream();
  const unanswered = [
    mq.get("t"),
    mq.getLatest("t"),
    mq.topics(),
    mq.put("t", "message"),
    mq.putMany("t", ["message"]),
  ].map(codeOf);
  proxy.cut();
  assertEquals([await streaming, await waiting], ["closed", "closed"]);
  assertEquals(await Promise.all(unanswered), [
    "closed",
    "closed",
    "closed",
    "unknown_outcome",
    "unknown_outcome",
  ]);
  for (const call of Object.values(calls)) assertEquals(await codeOf(call(mq)), "closed");
});

Deno.test("what arrived before the connection was cut is still delivered to a subscription, then the error", async () => {
  await using server = await serve({ port: 0 });
  await using proxy = new CuttableProxy(server.port);
  await using mq = await connect(proxy.url, { reconnect: false });
  await using stream = mq.subscribe("t");
  await mq.putMany("t", ["one", "two"]);
  assertEquals((await stream.next()).value?.body, "one");
  const broken = codeOf(mq.getWait("u"));
  proxy.cut();
  assertEquals(await broken, "closed");
  assertEquals((await stream.next()).value?.body, "two");
  assertEquals(await codeOf(stream.next()), "closed");
  assert((await stream.next()).done);
});

Deno.test("close returns even if the connection is cut while answers are pending", async () => {
  await using server = await serve({ port: 0 });
  await using proxy = new CuttableProxy(server.port);
  const mq = await connect(proxy.url, { reconnect: false });
  proxy.dropUpstream();
  const put = codeOf(mq.put("t", "message"));
  const closing = mq.close();
  proxy.cut();
  await withTimeout(closing);
  assertEquals(await put, "unknown_outcome");
});

Deno.test("a put that the server refuses later rejects with the server's code", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const refused = assertRejects(() => mq.put("t", "message"), DsmqError, "disk full");
  const { id } = await script.next();
  await script.send({
    id,
    error: { code: "unavailable", message: "Cannot store messages: disk full" },
  });
  const error = await refused;
  assertEquals([error.code, error.topic], ["unavailable", "t"]);
});

Deno.test("a server that violates the protocol fails all calls, and is disconnected", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const get = codeOf(mq.get("t"));
  const put = codeOf(mq.put("t", "message"));
  await script.next();
  await script.send("what?");
  assertEquals([await get, await put], ["protocol_error", "unknown_outcome"]);
  assert(script.frames.length > 0);
});

Deno.test("each call of a closed connection states what it cannot do", async () => {
  const script = new ScriptedServer();
  const mq = await connect(script.url, { dial: script.dial, reconnect: false });
  await mq.close();
  const calls: [() => Promise<unknown>, string][] = [
    [() => mq.put("t", "m"), "put"],
    [() => mq.putMany("t", []), "put"],
    [() => mq.get("t"), "get"],
    [() => mq.getWait("t"), "get"],
    [() => mq.topics(), "list topics"],
    [() => mq.shutdownServer(), "shut down"],
    [() => mq.subscribe("t").next(), "subscribe"],
  ];
  for (const [call, what] of calls) {
    const { code, message } = await assertRejects(call, DsmqError);
    assertEquals(code, "closed");
    assert(message.startsWith(`Cannot ${what}: no connection to `), message);
  }
});
