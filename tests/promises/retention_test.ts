/**
 * What dsmq guarantees, as a user of its own client sees it: guarantee 7 of the design, retention.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type Connection, DsmqError, serve } from "@dsmq/server";
import { ManualClock } from "../../testing/manual_clock.ts";

/** Ten minutes, unless told otherwise. */
const RETENTION = 600_000;

/** The first message of the topic that each method sees: of those read since the start. */
const verbs: Readonly<Record<string, (mq: Connection) => Promise<string>>> = {
  get: (mq) => mq.get("t"),
  getLatest: (mq) => mq.getLatest("t"),
  getWait: (mq) => mq.getWait("t", { timeout: 0 }),
};

for (const [verb, read] of Object.entries(verbs)) {
  Deno.test(`7: ${verb} reads a message at 599.999 s, and not at 600.000 s`, async () => {
    const clock = new ManualClock();
    await using server = await serve({ port: 0, clock });
    await using early = await connect(server.url);
    await using old = await connect(server.url);
    await early.put("t", "message");
    // Set, not advanced: nothing is purged.
    clock.set(clock.now() + RETENTION - 1);
    assertEquals(await read(early), "message");
    clock.set(clock.now() + 1);
    assertEquals(await read(old), "");
  });

  Deno.test(`7: ${verb} does not read it after it was purged, and continues`, async () => {
    const clock = new ManualClock();
    await using server = await serve({ port: 0, clock });
    await using mq = await connect(server.url);
    await mq.put("t", "message");
    clock.advance(RETENTION);
    assertEquals(await mq.topics(), []);
    clock.advance(1000);
    assertEquals(await read(mq), "");
    await mq.put("t", "later");
    assertEquals(await read(mq), "later");
  });
}

Deno.test("7: a subscription since the start has a message at 599.999 s, and not at 600.000 s", async () => {
  const clock = new ManualClock();
  await using server = await serve({ port: 0, clock });
  await using mq = await connect(server.url);
  await mq.put("t", "message");
  clock.set(clock.now() + RETENTION - 1);
  await using early = mq.subscribe("t", { since: "start" });
  assertEquals((await early.next()).value?.body, "message");
  clock.set(clock.now() + 1);
  await using old = mq.subscribe("t", { since: "start" });
  await using fromCursor = mq.subscribe("t");
  await mq.put("t", "later");
  assertEquals((await old.next()).value?.body, "later");
  assertEquals((await fromCursor.next()).value?.body, "later");
});

Deno.test("7: a subscription since the start does not have what was purged", async () => {
  const clock = new ManualClock();
  await using server = await serve({ port: 0, clock });
  await using mq = await connect(server.url);
  await mq.put("t", "message");
  clock.advance(RETENTION);
  assertEquals(await mq.topics(), []);
  clock.advance(1000);
  await using stream = mq.subscribe("t", { since: "start" });
  await mq.put("t", "later");
  assertEquals((await stream.next()).value?.body, "later");
});

Deno.test("7: a waiting getWait is not given what expired before it arrived", async () => {
  const clock = new ManualClock();
  await using server = await serve({ port: 0, clock });
  await using mq = await connect(server.url);
  await mq.put("t", "message");
  clock.set(clock.now() + RETENTION);
  const waiting = mq.getWait("t", { timeout: RETENTION });
  await mq.get("another topic");
  await mq.put("t", "later");
  assertEquals(await waiting, "later");
});

Deno.test("7: only old messages expire, across topics and within one topic", async () => {
  const clock = new ManualClock();
  await using server = await serve({ port: 0, clock });
  await using mq = await connect(server.url);
  await mq.put("t", "old");
  await mq.put("u", "old");
  clock.set(clock.now() + 1);
  await mq.put("t", "young");
  clock.set(clock.now() + RETENTION - 1);
  assertEquals(await mq.get("u"), "");
  assertEquals(await mq.get("t"), "young");
  assertEquals((await mq.topics()).map(({ topic, messages }) => [topic, messages]), [["t", 1]]);
});

Deno.test("7: the retention is an option", async () => {
  const clock = new ManualClock();
  await using server = await serve({ port: 0, clock, retention: 250 });
  await using early = await connect(server.url);
  await using old = await connect(server.url);
  await early.put("t", "message");
  clock.set(clock.now() + 249);
  assertEquals(await early.get("t"), "message");
  clock.set(clock.now() + 1);
  assertEquals(await old.get("t"), "");
});

Deno.test("7: what has expired stays expired when the clock is set back", async () => {
  const clock = new ManualClock();
  await using server = await serve({ port: 0, clock });
  await using mq = await connect(server.url);
  await mq.put("t", "message");
  clock.set(clock.now() + RETENTION);
  assertEquals(await mq.topics(), []);
  clock.set(clock.now() - RETENTION);
  assertEquals(await mq.get("t"), "");
});

Deno.test("7: message times never run backwards", async () => {
  const clock = new ManualClock();
  await using server = await serve({ port: 0, clock });
  await using mq = await connect(server.url);
  const begin = clock.now();
  const times: number[] = [];
  // The wall clock is set back and forward; meanwhile, some time passes.
  for (const [jump, pass] of [[0, 0], [-1000, 0], [500, 1], [-3_600_000, 0], [7_200_000, 1]]) {
    clock.jump(jump!);
    clock.advance(pass!);
    await mq.put("t", "message");
    times.push((await mq.read("t"))!.time);
  }
  assertEquals(times, [begin, begin, begin + 1, begin + 1, begin + 2]);
});

Deno.test("7: a subscription from a position with expired messages reports it, or continues as its policy says", async () => {
  const clock = new ManualClock();
  await using server = await serve({ port: 0, clock, log: { info() {}, warn() {}, error() {} } });
  await using mq = await connect(server.url);
  const first = await mq.put("t", "one");
  await mq.put("t", "two");
  clock.set(clock.now() + 1);
  const last = await mq.put("t", "three");
  clock.set(clock.now() + RETENTION - 1);
  await using fromFirst = mq.subscribe("t", { since: first });
  const error = await assertRejects(() => fromFirst.next(), DsmqError);
  assertEquals([error.code, error.after, error.floor, error.last], [
    "trimmed",
    first,
    last - 1,
    last,
  ]);
  assert((await fromFirst.next()).done);
  await using oldest = mq.subscribe("t", { since: first, onGap: "oldest" });
  await using now = mq.subscribe("t", { since: first, onGap: "now" });
  await mq.put("t", "four");
  assertEquals((await oldest.next()).value?.body, "three");
  assertEquals((await oldest.next()).value?.body, "four");
  assertEquals((await now.next()).value?.body, "four");
});
