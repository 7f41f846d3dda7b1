/**
 * What dsmq guarantees, as a user of its own client sees it: guarantee 6 of the design, and how the methods share a
 * topic on one connection.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect, type Connection, type MessageStream, serve } from "@dsmq/server";
import { ManualClock } from "../../testing/manual_clock.ts";

/** The bodies of the next messages of a stream. */
async function take(stream: MessageStream, count: number): Promise<string[]> {
  const bodies: string[] = [];
  while (bodies.length < count) {
    const { done, value } = await stream.next();
    bodies.push(done ? "(end)" : value.body);
  }
  return bodies;
}

/** Has the server answer a later request, so that all before it has been handled. */
async function settled(mq: Connection): Promise<void> {
  await mq.get("a topic that nobody uses");
}

Deno.test("6: getWait returns at once what is there already", async () => {
  await using server = await serve({ port: 0, clock: new ManualClock() });
  await using mq = await connect(server.url);
  await mq.put("t", "there");
  assertEquals(await mq.getWait("t"), "there");
});

Deno.test("6: a getWait sends one request, and the put wakes it", async () => {
  // The server's clock stands still: none of its timers can do it.
  await using server = await serve({ port: 0, clock: new ManualClock() });
  let frames = 0;
  await using reader = await connect(server.url, {
    dial(url, protocols) {
      const socket = new WebSocket(url, protocols);
      const send = socket.send.bind(socket);
      socket.send = (data) => {
        frames++;
        send(data);
      };
      return socket;
    },
  });
  await using putter = await connect(server.url);
  const before = frames;
  const waiting = reader.getWait("t", { timeout: 3_600_000 });
  await settled(reader);
  await putter.put("t", "woken");
  assertEquals(await waiting, "woken");
  assertEquals(frames - before, 1);
});

Deno.test("6: the same message wakes every waiting connection", async () => {
  await using server = await serve({ port: 0 });
  await using one = await connect(server.url);
  await using other = await connect(server.url);
  const waiting = [one.getWait("t"), other.getWait("t"), other.getWait("u")];
  await Promise.all([settled(one), settled(other)]);
  await one.put("t", "for all");
  await one.put("u", "another topic");
  assertEquals(await Promise.all(waiting), ["for all", "for all", "another topic"]);
});

Deno.test("6: a wait that has timed out leaves the next message to the next read", async () => {
  const clock = new ManualClock();
  await using server = await serve({ port: 0, clock });
  await using mq = await connect(server.url);
  const waiting = mq.getWait("t", { timeout: 100 });
  await settled(mq);
  clock.advance(100);
  await mq.put("t", "too late");
  assertEquals(await waiting, "");
  assertEquals(await mq.get("t"), "too late");
});

Deno.test("6: subscribe yields message after message, with all that is known of each", async () => {
  const clock = new ManualClock();
  await using server = await serve({ port: 0, clock });
  await using mq = await connect(server.url);
  await using putter = await connect(server.url);
  await putter.put("t", "before the subscription");
  const seqs = [];
  const seen = [];
  for await (const message of mq.subscribe("t")) {
    seen.push(message);
    if (seen.length === 3) break;
    clock.advance(1);
    seqs.push(await putter.put("t", `message ${seen.length}`));
    await putter.put("another", "of another topic");
  }
  assertEquals(seen.map(({ topic }) => topic), ["t", "t", "t"]);
  assertEquals(seen.map(({ body }) => body), ["before the subscription", "message 1", "message 2"]);
  assertEquals(seen.slice(1).map(({ seq }) => seq), seqs);
  assertEquals(seen.map(({ time }) => time), [clock.now() - 2, clock.now() - 1, clock.now()]);
});

Deno.test("6: a subscription misses nothing and repeats nothing while messages keep coming", async () => {
  await using server = await serve({ port: 0 });
  await using putter = await connect(server.url);
  await using reader = await connect(server.url, { since: "start" });
  const total = 3000;
  const putting = (async () => {
    for (let i = 0; i < total;) {
      const puts = [];
      for (const end = i + 50; i < end; i++) puts.push(putter.put("t", String(i)));
      await Promise.all(puts);
    }
  })();
  // They begin at different points of the history.
  for (let i = 0; i < 5; i++) {
    await using stream = reader.subscribe("t", { since: "start" });
    assertEquals(
      await take(stream, 500 * (i + 2)),
      Array.from(
        { length: 500 * (i + 2) },
        (_, n) => String(n),
      ),
    );
  }
  await putting;
});

Deno.test("6: a subscription may begin at the start, now, after a number, or at a time", async () => {
  const clock = new ManualClock();
  await using server = await serve({ port: 0, clock });
  await using mq = await connect(server.url);
  const first = await mq.put("t", "one");
  clock.advance(5);
  await mq.put("t", "two");
  const streams = {
    start: mq.subscribe("t", { since: "start" }),
    number: mq.subscribe("t", { since: first }),
    time: mq.subscribe("t", { since: new Date(clock.now()) }),
    now: mq.subscribe("t", { since: "now" }),
  };
  await mq.put("t", "three");
  assertEquals(await take(streams.start, 3), ["one", "two", "three"]);
  assertEquals(await take(streams.number, 2), ["two", "three"]);
  assertEquals(await take(streams.time, 2), ["two", "three"]);
  assertEquals(await take(streams.now, 1), ["three"]);
});

Deno.test("cursors: get, getLatest and getWait of a connection share one for each topic", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  await mq.putMany("t", ["a", "b", "c", "d"]);
  await mq.putMany("u", ["e", "f"]);
  assertEquals(await mq.get("t"), "a");
  assertEquals(await mq.getWait("t"), "b");
  assertEquals(await mq.get("u"), "e");
  assertEquals(await mq.getLatest("t"), "d");
  assertEquals(await mq.getWait("t", { timeout: 0 }), "");
  assertEquals(await mq.getWait("u"), "f");
});

Deno.test("cursors: a subscription starts at the cursor", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  await mq.putMany("t", ["a", "b", "c"]);
  assertEquals(await mq.get("t"), "a");
  await using stream = mq.subscribe("t");
  assertEquals(await take(stream, 2), ["b", "c"]);
});

Deno.test("cursors: gets do not move a subscription, nor it them, nor one subscription another", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  await mq.putMany("t", ["a", "b", "c"]);
  await using one = mq.subscribe("t");
  assertEquals(await take(one, 2), ["a", "b"]);
  assertEquals(await mq.get("t"), "a");
  await using other = mq.subscribe("t");
  assertEquals(await mq.getLatest("t"), "c");
  await mq.put("t", "d");
  assertEquals(await take(one, 2), ["c", "d"]);
  assertEquals(await take(other, 3), ["b", "c", "d"]);
  assertEquals(await mq.get("t"), "d");
});

Deno.test("cursors: getWaits of a connection queue up, one message each", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  await using putter = await connect(server.url);
  const waiting = [mq.getWait("t"), mq.getWait("t"), mq.getWait("t")];
  await settled(mq);
  await putter.put("t", "first");
  assertEquals(await waiting[0], "first");
  await putter.putMany("t", ["second", "third", "fourth"]);
  assertEquals(await Promise.all(waiting), ["first", "second", "third"]);
  assertEquals(await mq.get("t"), "fourth");
});

Deno.test("cursors: while a getWait waits, a plain get finds nothing", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  const waiting = mq.getWait("t");
  assertEquals(await mq.get("t"), "");
  assertEquals(await mq.getLatest("t"), "");
  await mq.putMany("t", ["first", "second"]);
  assertEquals(await waiting, "first");
  assertEquals(await mq.get("t"), "second");
});

Deno.test("cursors: of several waiters the one that times out goes and the others stay", async () => {
  const clock = new ManualClock();
  await using server = await serve({ port: 0, clock });
  await using mq = await connect(server.url);
  const short = mq.getWait("t", { timeout: 10 });
  const long = mq.getWait("t", { timeout: 1000 });
  await settled(mq);
  clock.advance(10);
  assertEquals(await short, "");
  await mq.put("t", "for the one that stayed");
  assertEquals(await long, "for the one that stayed");
});
