/**
 * One client and several stores: positions, gaps and times belong to the store that they came from.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Connection } from "../../client.ts";
import { ReadPositions } from "../../client/read_positions.ts";
import type { Welcome } from "../../protocol/encode_replies.ts";
import {
  type Bridge,
  inMemory,
  settled,
  store,
  type TestServer,
  testServer,
  turns,
} from "../support/bridge.ts";
import {
  closeAll,
  connectedPair,
  disconnect,
  letReconnect,
  nextBody,
  reconnectTo,
} from "../support/connected_pair.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { QueueFile } from "../support/queue_file.ts";

const RETENTION = 1000;

/** What a get brings, or how it fails. */
async function gets(mq: Connection, topic: string, count: number): Promise<string[]> {
  const got: string[] = [];
  for (let i = 0; i < count; i++) got.push(await settled(mq.get(topic)));
  return got;
}

/** A wait is called off while its answer is under way: what comes is kept for the next reader. */
async function cancelDuring(
  bridge: Bridge,
  mq: Connection,
  mark: string,
  act?: () => Promise<void>,
) {
  bridge.holds = (frame) => frame.includes(mark);
  const abort = new AbortController();
  const wait = settled(mq.getWait("t", { signal: abort.signal }));
  await turns(4);
  await act?.();
  await turns(4);
  abort.abort();
  await wait;
  bridge.release();
  await turns(4);
}

Deno.test("at the first store after four others nothing is delivered twice in silence, of any topic", async () => {
  const hosts: TestServer[] = [];
  for (let i = 0; i < 5; i++) hosts.push(await testServer(inMemory()));
  const [first, ...others] = hosts as [TestServer, ...TestServer[]];
  const { bridge, mq } = await connectedPair(first, { since: "start" });
  await store(first, "t", "1", "2");
  await store(first, "never read", "3");
  assertEquals(await gets(mq, "t", 2), ["1", "2"]);
  for (const host of others) await reconnectTo(bridge, mq, host);
  await reconnectTo(bridge, mq, first);
  assertEquals(await gets(mq, "t", 4), ["error epoch_changed", "1", "2", ""]);
  // Whether that was read nobody knows any more, either.
  assertEquals(await gets(mq, "never read", 3), ["error epoch_changed", "3", ""]);
  await closeAll(mq, ...hosts);
});

Deno.test("at the first store after three others reading goes on, and what was never read begins at the start", async () => {
  const hosts: TestServer[] = [];
  for (let i = 0; i < 4; i++) hosts.push(await testServer(inMemory()));
  const [first, ...others] = hosts as [TestServer, ...TestServer[]];
  const { bridge, mq } = await connectedPair(first, { since: "start" });
  await store(first, "t", "1", "2");
  await store(first, "never read", "3");
  assertEquals(await gets(mq, "t", 1), ["1"]);
  for (const host of others) await reconnectTo(bridge, mq, host);
  await reconnectTo(bridge, mq, first);
  assertEquals(await gets(mq, "t", 2), ["2", ""]);
  assertEquals(await gets(mq, "never read", 2), ["3", ""]);
  await closeAll(mq, ...hosts);
});

/** What a server says of itself that has this store. */
function welcome(store: string): Welcome {
  const welcome = { store, epoch: `of ${store}`, start: 7, floor: 1000, time: 1, last: 1000 };
  return welcome as unknown as Welcome;
}

Deno.test("the base is a position in the store where the connection began, until that is the fifth", () => {
  const positions = new ReadPositions(welcome("a"), undefined);
  for (const store of ["b", "c", "d"]) positions.begin(welcome(store));
  assertEquals(positions.base, { after: 7, epoch: "of a" });
  positions.begin(welcome("e"));
  assertEquals(positions.base, { after: 0, epoch: "" });
  // Nor is it one again there.
  positions.begin(welcome("a"));
  assertEquals(positions.base, { after: 0, epoch: "" });
});

Deno.test("back at a store in between, the base is one of the four last and stays", () => {
  const positions = new ReadPositions(welcome("a"), undefined);
  for (const store of ["b", "c", "d", "a", "e"]) positions.begin(welcome(store));
  assertEquals(positions.base, { after: 7, epoch: "of a" });
  for (const store of ["f", "g", "h"]) positions.begin(welcome(store));
  assertEquals(positions.base, { after: 0, epoch: "" });
});

Deno.test("positions are bounded, also of topics of which nobody asked whether there is room", () => {
  const positions = new ReadPositions(welcome("a"), undefined, 10);
  const topics = Array.from({ length: 100 }, (_, i) => `t${i}`);
  // As a subscription does that begins at the cursor.
  for (const topic of topics) positions.advance(topic, 5);
  positions.begin(welcome("a"));
  const known = topics.filter((topic) => positions.since(topic) !== undefined);
  assertEquals([known.length <= 10, known.at(-1)], [true, "t99"]);
});

Deno.test("a position is not kept where there is no room for it, and the topic begins at the start", () => {
  const positions = new ReadPositions({ ...welcome("a"), floor: 0 }, undefined, 2);
  for (const topic of ["a", "b", "c"]) positions.advance(topic, 5);
  positions.begin({ ...welcome("a"), floor: 0 });
  assertEquals(["a", "b", "c"].map((topic) => positions.since(topic)?.after), [5, 5, undefined]);
});

Deno.test("after a number beyond the last, a break skips nothing in silence", async () => {
  const host = await testServer(inMemory());
  await store(host, "x", "1", "2", "3");
  const { bridge, mq } = await connectedPair(host, { since: 5 });
  await store(host, "t", "4", "5", "6", "7");
  await reconnectTo(bridge, mq);
  // Told or not: four messages came after the connection began.
  const got = (await gets(mq, "t", 6)).filter((one) => one !== "error ahead" && one !== "");
  await closeAll(mq, host);
  assertEquals(got, ["4", "5", "6", "7"]);
});

Deno.test("a gap that was kept is no position in another store, and is told all the same", async () => {
  const clock = new ManualClock();
  const one = await testServer(inMemory(clock, RETENTION), clock);
  const other = await testServer(inMemory(clock), clock);
  const { bridge, mq } = await connectedPair(one, { since: "start" });
  await store(one, "t", "1");
  assertEquals(await gets(mq, "t", 1), ["1"]);
  disconnect(bridge);
  await store(one, "t", "2", "3", "4");
  clock.advance(2 * RETENTION);
  await store(one, "t", "5");
  await letReconnect(bridge, mq, one);
  await cancelDuring(bridge, mq, "trimmed");
  // Its numbers go as far as those of the gap: read on after that, they would be skipped.
  await store(other, "t", "a", "b", "c", "d", "e");
  await reconnectTo(bridge, mq, other);
  const codes: string[] = [];
  const stream = mq.subscribe("t", { onGap: (gap) => (codes.push(gap.code), "oldest") });
  assertEquals([await nextBody(stream), await nextBody(stream)], ["a", "b"]);
  assertEquals(codes, ["trimmed", "epoch_changed"]);
  await stream.return!();
  await closeAll(mq, one, other);
});

Deno.test("a message that was kept is not taken for expired by the clock of another store", async () => {
  const [one, other] = [new ManualClock(), new ManualClock()];
  other.advance(3_600_000);
  const [a, b] = [await testServer(inMemory(one), one), await testServer(inMemory(other), other)];
  const { bridge, mq } = await connectedPair(a, { since: "start" });
  await cancelDuring(bridge, mq, "m1", () => store(a, "t", "m1"));
  await reconnectTo(bridge, mq, b);
  assertEquals(await gets(mq, "t", 2), ["m1", "error epoch_changed"]);
  await reconnectTo(bridge, mq, a);
  assertEquals(await gets(mq, "t", 1), [""]);
  await closeAll(mq, a, b);
});

Deno.test("a file that was closed and opened again is the same store: the states tell of no other history", async () => {
  await using file = new QueueFile();
  const first = await testServer(file.open());
  const { bridge, mq } = await connectedPair(first, { since: "start" });
  await store(first, "t", "one", "two");
  assertEquals(await gets(mq, "t", 1), ["one"]);
  const states = mq.statusChanges();
  disconnect(bridge);
  await first[Symbol.asyncDispose]();
  const second = await testServer(file.open());
  await letReconnect(bridge, mq, second);
  const third = await testServer(inMemory());
  await reconnectTo(bridge, mq, third);
  const seen: [string, boolean][] = [];
  while (seen.length < 5) {
    const { status, epochChanged = false } = (await states.next()).value!;
    seen.push([status, epochChanged]);
  }
  await reconnectTo(bridge, mq, second);
  assertEquals(await gets(mq, "t", 2), ["two", ""]);
  await closeAll(mq, second, third);
  assertEquals(seen, [
    ["connected", false],
    ["reconnecting", false],
    ["connected", false],
    ["reconnecting", false],
    ["connected", true],
  ]);
});

Deno.test("a subscription from now whose answer was lost brings nothing that was known when it was called", async () => {
  const host = await testServer(inMemory());
  const { bridge, mq } = await connectedPair(host, { since: "start" });
  // Another stream has shown them, and nothing else has told their numbers.
  const one = mq.subscribe("t");
  await turns(3);
  await store(host, "t", "1", "2", "3");
  assertEquals([await nextBody(one), await nextBody(one), await nextBody(one)], ["1", "2", "3"]);
  bridge.passes = () => false;
  const first = nextBody(mq.subscribe("t", { since: "now" }));
  await turns(3);
  bridge.passes = () => true;
  await reconnectTo(bridge, mq);
  await turns(3);
  await store(host, "t", "4");
  assertEquals([await first, await nextBody(one)], ["4", "4"]);
  await closeAll(mq, host);
});
