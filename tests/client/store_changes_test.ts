/**
 * One client and several stores: positions, gaps and times belong to the store that they came from.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Connection } from "../../client.ts";
import { ReadPositions } from "../../client/read_positions.ts";
import type { Welcome } from "../../protocol/encode_replies.ts";
import { inMemory, settled, store, type TestServer, testServer, turns } from "../support/bridge.ts";
import { cancelWaitInFlight } from "../support/cancelled_wait.ts";
import {
  closeAll,
  connectedPair,
  disconnect,
  letReconnect,
  nextBody,
  reconnectTo,
} from "../support/connected_pair.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { QueueFile } from "../support/queue_file.ts";

const RETENTION = 1000;

/** What a get returns, or how it fails. */
async function gets(mq: Connection, topic: string, count: number): Promise<string[]> {
  const got: string[] = [];
  for (let i = 0; i < count; i++) got.push(await settled(mq.get(topic)));
  return got;
}

/** A wait is cancelled while its answer is in flight, which then arrives. */
async function cancelDuring(...wait: Parameters<typeof cancelWaitInFlight>): Promise<void> {
  await cancelWaitInFlight(...wait);
  wait[0].release();
  await turns(4);
}

Deno.test("at the first store after four others no topic silently delivers anything twice", async () => {
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
  // Whether that was read is no longer known, either.
  assertEquals(await gets(mq, "never read", 3), ["error epoch_changed", "3", ""]);
  await closeAll(mq, ...hosts);
});

Deno.test("at the first store after three others reading continues, and what was never read begins at the start", async () => {
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

/** The welcome of a server with this store. */
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
  // Nor does it become one again there.
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

Deno.test("after a number beyond the last, a break skips nothing silently", async () => {
  const host = await testServer(inMemory());
  await store(host, "x", "1", "2", "3");
  const { bridge, mq } = await connectedPair(host, { since: 5 });
  await store(host, "t", "4", "5", "6", "7");
  await reconnectTo(bridge, mq);
  // Reported or not: four messages came after the connection began.
  const got = (await gets(mq, "t", 6)).filter((one) => one !== "error ahead" && one !== "");
  await closeAll(mq, host);
  assertEquals(got, ["4", "5", "6", "7"]);
});

Deno.test("a kept gap is not a position in another store, and is reported all the same", async () => {
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
  // Its numbers go as far as those of the gap: reading on after that would skip them.
  await store(other, "t", "a", "b", "c", "d", "e");
  await reconnectTo(bridge, mq, other);
  const codes: string[] = [];
  const stream = mq.subscribe("t", { onGap: (gap) => (codes.push(gap.code), "oldest") });
  assertEquals([await nextBody(stream), await nextBody(stream)], ["a", "b"]);
  assertEquals(codes, ["trimmed", "epoch_changed"]);
  await stream.return!();
  await closeAll(mq, one, other);
});

Deno.test("a kept message is not treated as expired by the clock of another store", async () => {
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

Deno.test("a file that was closed and opened again is the same store: the status changes show no other history", async () => {
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

Deno.test("a subscription from now whose answer was lost delivers nothing that was known when it was called", async () => {
  const host = await testServer(inMemory());
  const { bridge, mq } = await connectedPair(host, { since: "start" });
  // Another stream has delivered them, and nothing else has shown their numbers.
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
