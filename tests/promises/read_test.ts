/**
 * What dsmq guarantees, as a user of its own client sees it: guarantees 1 to 5 of the design.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, DsmqError, serve } from "@dsmq/server";
import { ManualClock } from "../../testing/manual_clock.ts";

Deno.test("1: every connection reads every message of a topic", async () => {
  await using server = await serve({ port: 0 });
  await using one = await connect(server.url);
  await using other = await connect(server.url);
  await one.put("t", "first");
  await other.put("t", "second");
  for (const mq of [one, other]) {
    assertEquals([await mq.get("t"), await mq.get("t"), await mq.get("t")], [
      "first",
      "second",
      "",
    ]);
  }
});

Deno.test("1: reading removes nothing for others, whichever method reads", async () => {
  await using server = await serve({ port: 0 });
  await using reader = await connect(server.url);
  await using other = await connect(server.url);
  await reader.putMany("t", ["a", "b", "c", "d"]);
  assertEquals(await reader.get("t"), "a");
  assertEquals(await reader.getWait("t"), "b");
  await using stream = reader.subscribe("t");
  assertEquals((await stream.next()).value?.body, "c");
  assertEquals(await reader.getLatest("t"), "d");
  const seen = [];
  for (let i = 0; i < 5; i++) seen.push(await other.get("t"));
  assertEquals(seen, ["a", "b", "c", "d", ""]);
});

Deno.test("1: topics do not mix", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  await mq.put("t", "in t");
  await mq.put("T", "in T");
  await mq.put("t ", "in t with a space");
  assertEquals(await mq.get("T"), "in T");
  assertEquals(await mq.get("t"), "in t");
  assertEquals(await mq.get("t"), "");
  assertEquals(await mq.get("t "), "in t with a space");
});

Deno.test("2: a client never reads what was put before it connected, and all that was put right after", async () => {
  await using server = await serve({ port: 0 });
  await using putter = await connect(server.url);
  await putter.put("t", "before");
  await using reader = await connect(server.url);
  await putter.put("t", "after");
  assertEquals(await reader.get("t"), "after");
  assertEquals(await reader.get("t"), "");
});

Deno.test("2: no method reads what was put before connecting", async () => {
  await using server = await serve({ port: 0 });
  await using putter = await connect(server.url);
  await putter.put("t", "before");
  await using reader = await connect(server.url);
  assertEquals(await reader.get("t"), "");
  assertEquals(await reader.getLatest("t"), "");
  assertEquals(await reader.getWait("t", { timeout: 0 }), "");
  await using stream = reader.subscribe("t");
  await putter.put("t", "after");
  assertEquals((await stream.next()).value?.body, "after");
});

Deno.test("2: a connection reads from when it was open, not from its hello", async () => {
  await using server = await serve({ port: 0 });
  await using putter = await connect(server.url);
  await using reader = await connect(server.url, {
    dial(url, protocols) {
      const socket = new WebSocket(url, protocols);
      const send = socket.send.bind(socket);
      // Only hello is late.
      socket.send = (data) => {
        socket.send = send;
        void putter.put("t", "before hello").then(() => send(data));
      };
      return socket;
    },
  });
  assertEquals(await reader.get("t"), "before hello");
});

Deno.test('2: since "start" reads all that is retained, and what comes', async () => {
  await using server = await serve({ port: 0 });
  await using putter = await connect(server.url);
  await putter.putMany("t", ["one", "two"]);
  await using reader = await connect(server.url, { since: "start" });
  await putter.put("t", "three");
  assertEquals([await reader.get("t"), await reader.get("t"), await reader.get("t")], [
    "one",
    "two",
    "three",
  ]);
});

Deno.test("2: since a sequence number reads what comes after it", async () => {
  await using server = await serve({ port: 0 });
  await using putter = await connect(server.url);
  const [first] = await putter.putMany("t", ["one", "two"]);
  await using reader = await connect(server.url, { since: first! });
  assertEquals(await reader.get("t"), "two");
  assertEquals(await reader.get("t"), "");
});

Deno.test("2: since a number beyond the last message is reported once, then reading continues from now", async () => {
  await using server = await serve({ port: 0 });
  await using putter = await connect(server.url);
  const last = await putter.put("t", "one");
  await using reader = await connect(server.url, { since: last + 1 });
  const error = await assertRejects(() => reader.get("t"), DsmqError);
  assertEquals([error.code, error.after, error.last], ["ahead", last + 1, last]);
  await putter.put("t", "two");
  assertEquals(await reader.get("t"), "two");
});

Deno.test("2: since a Date reads what was stored then or later, to the millisecond", async () => {
  const clock = new ManualClock();
  await using server = await serve({ port: 0, clock });
  await using putter = await connect(server.url);
  const then = clock.now();
  await putter.put("t", "old");
  clock.advance(10);
  await putter.put("t", "new");
  for (const [ms, expected] of [[0, "old"], [1, "new"], [10, "new"], [11, ""]] as const) {
    await using reader = await connect(server.url, { since: new Date(then + ms) });
    assertEquals(await reader.get("t"), expected, `since ${ms} ms`);
  }
});

Deno.test("3: the oldest unread message comes first", async () => {
  await using server = await serve({ port: 0 });
  await using one = await connect(server.url);
  await using other = await connect(server.url);
  await using reader = await connect(server.url);
  for (let i = 0; i < 10; i++) await (i % 2 ? one : other).put("t", String(i));
  for (let i = 0; i < 10; i++) assertEquals(await reader.get("t"), String(i));
});

Deno.test("3: two messages of the same millisecond are two", async () => {
  const clock = new ManualClock();
  await using server = await serve({ port: 0, clock });
  await using mq = await connect(server.url);
  await mq.put("t", "same");
  await mq.put("t", "same");
  const [first, second] = [await mq.read("t"), await mq.read("t")];
  assertEquals([first?.body, second?.body], ["same", "same"]);
  assertEquals([first?.time, second?.time], [clock.now(), clock.now()]);
  assert(first!.seq < second!.seq);
});

Deno.test("3: sequence numbers increase over the whole store, even after everything was purged", async () => {
  const clock = new ManualClock();
  await using server = await serve({ port: 0, clock });
  await using one = await connect(server.url);
  await using other = await connect(server.url);
  const seqs = [await one.put("a", "1"), await other.put("b", "2"), await one.put("c", "3")];
  clock.advance(600_000);
  assertEquals(await one.topics(), []);
  // By now the purge that the clock triggered is done.
  clock.advance(1000);
  assertEquals(await one.topics(), []);
  seqs.push(await other.put("a", "4"));
  assert(seqs.every((seq, i) => Number.isSafeInteger(seq) && seq > (seqs[i - 1] ?? 0)), `${seqs}`);
});

Deno.test("4: getLatest returns the newest unread message, and older ones are never seen", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  await mq.putMany("t", ["one", "two", "three"]);
  assertEquals(await mq.get("t"), "one");
  assertEquals(await mq.getLatest("t"), "three");
  assertEquals(await mq.get("t"), "");
  assertEquals(await mq.getLatest("t"), "");
  await mq.put("t", "four");
  assertEquals(await mq.get("t"), "four");
});

Deno.test("4: getLatest skips nothing for other connections and topics", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  await using other = await connect(server.url);
  await mq.putMany("t", ["one", "two"]);
  await mq.put("u", "three");
  assertEquals(await mq.getLatest("t"), "two");
  assertEquals(await mq.get("u"), "three");
  assertEquals(await other.get("t"), "one");
});

Deno.test("5: an empty topic reads as an empty string, also one that does not exist", async () => {
  const clock = new ManualClock();
  await using server = await serve({ port: 0, clock });
  await using mq = await connect(server.url, { since: "start" });
  await mq.put("t", "one");
  assertEquals(await mq.get("t"), "one");
  for (const topic of ["t", "nowhere"]) {
    assertEquals(await mq.get(topic), "");
    assertEquals(await mq.getLatest(topic), "");
    assertEquals(await mq.getWait(topic, { timeout: 0 }), "");
    const waiting = mq.getWait(topic, { timeout: 5000 });
    // The answer to a later request: the wait before it has begun.
    await mq.get(topic);
    clock.advance(5000);
    assertEquals(await waiting, "");
  }
});

Deno.test("5: a getWait waits for its timeout, to the millisecond", async () => {
  const clock = new ManualClock();
  await using server = await serve({ port: 0, clock });
  await using mq = await connect(server.url);
  const waiting = mq.getWait("t", { timeout: 5000 });
  await mq.get("t");
  clock.advance(4999);
  await mq.put("t", "in time");
  assertEquals(await waiting, "in time");
});

Deno.test("5: a message may be empty, and read() distinguishes it from no message", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  for (const options of [{}, { latest: true }, { wait: 10_000 }, { wait: 10_000, latest: true }]) {
    const seq = await mq.put("t", "");
    const message = await mq.read("t", options);
    assertEquals([message?.topic, message?.body, message?.seq], ["t", "", seq]);
    assertEquals(
      await mq.read("t", { ...options, ...("wait" in options && { wait: 0 }) }),
      undefined,
    );
  }
  await using stream = mq.subscribe("t");
  const seq = await mq.put("t", "");
  const { done, value } = await stream.next();
  assertEquals([done, value?.body, value?.seq], [false, "", seq]);
});

Deno.test("5: a closed connection is an error, never an empty string", async () => {
  await using server = await serve({ port: 0 });
  const mq = await connect(server.url);
  await mq.close();
  for (const read of ["get", "getLatest", "getWait"] as const) {
    assertEquals((await assertRejects(() => mq[read]("t"), DsmqError)).code, "closed");
  }
});

Deno.test("5: a broken connection is an error, never an empty string", async () => {
  const server = await serve({ port: 0 });
  await using mq = await connect(server.url, { reconnect: false });
  await server.shutdown();
  for (const read of ["get", "getLatest", "getWait"] as const) {
    assertEquals((await assertRejects(() => mq[read]("t"), DsmqError)).code, "closed");
  }
});
