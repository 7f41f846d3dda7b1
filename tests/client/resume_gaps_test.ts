/**
 * Gaps over breaks: lost messages of a topic are reported once, exactly, and to a reader that is there.
 *
 * @module
 */

import { trim } from "../../testing/store/support.ts";
import { assert, assertEquals } from "@std/assert";
import { connect, type Connection, DsmqError } from "@dsmq/server";
import {
  Bridge,
  inMemory,
  reconnect,
  settled,
  store,
  testServer,
  turns,
} from "../support/bridge.ts";
import { cancelWaitInFlight } from "../support/cancelled_wait.ts";
import {
  closeAll,
  connectedPair,
  disconnect,
  heartbeat,
  letReconnect,
  nextBody,
  passTime,
  reconnectTo,
} from "../support/connected_pair.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { QueueFile } from "../support/queue_file.ts";

const RETENTION = 60_000;

/** A server that keeps messages for a minute, and a client. */
async function setup() {
  const clock = new ManualClock();
  const host = await testServer(inMemory(clock, RETENTION), clock);
  const { bridge, mq } = await connectedPair(host);
  return { clock, host, bridge, mq };
}

/** The client has read m1 and is disconnected; m2 has expired since, and these messages of its topic have come. */
async function brokenSetup(...later: string[]) {
  const { clock, host, bridge, mq } = await setup();
  await store(host, "t", "m1", "m2");
  assertEquals(await mq.get("t"), "m1");
  disconnect(bridge);
  clock.advance(2 * RETENTION);
  await store(host, "t", ...later);
  return { clock, host, bridge, mq, back: () => letReconnect(bridge, mq, host) };
}

/** The ways to read one message, each as its text or its error. */
const READS = {
  get: (mq: Connection) => settled(mq.get("t")),
  getLatest: (mq: Connection) => settled(mq.getLatest("t")),
  getWait: (mq: Connection) => settled(mq.getWait("t")),
  "subscribe and its first message": (mq: Connection) => nextBody(mq.subscribe("t")),
};

for (const [name, read] of Object.entries(READS)) {
  Deno.test(`messages that expired during a break are reported to the next ${name}, once, and then what is there is read`, async () => {
    const { host, mq, back } = await brokenSetup("m3");
    await back();
    assertEquals([await read(mq), await read(mq)], ["error trimmed", "m3"]);
    await closeAll(mq, host);
  });

  Deno.test(`a gap that was not reported yet is reported to a ${name} after a heartbeat and a second break`, async () => {
    const { clock, host, bridge, mq, back } = await brokenSetup("m3");
    await back();
    const before = bridge.down.length;
    heartbeat(clock);
    await turns();
    assert(bridge.down.slice(before).some((frame) => frame.includes('"heartbeat"')));
    await reconnectTo(bridge, mq);
    assertEquals(await read(mq), "error trimmed");
    await closeAll(mq, host);
  });
}

Deno.test("a topic that was emptied during a break has a gap, too", async () => {
  const { host, mq, back } = await brokenSetup();
  await trim(host.queue.store, 1000);
  await back();
  assertEquals([await settled(mq.get("t")), await settled(mq.get("t"))], ["error trimmed", ""]);
  await closeAll(mq, host);
});

Deno.test("a gap belongs to its topic: a topic that lost nothing unread reports nothing", async () => {
  const { clock, host, bridge, mq } = await setup();
  await store(host, "lost", "l1", "l2");
  await store(host, "read", "r1");
  for (const topic of ["lost", "read", "empty"]) await mq.get(topic);
  disconnect(bridge);
  clock.advance(2 * RETENTION);
  await store(host, "read", "r2");
  await store(host, "never read", "n1");
  await letReconnect(bridge, mq, host);
  const got: Record<string, string> = {};
  for (const topic of ["lost", "read", "empty", "never read"]) {
    got[topic] = await settled(mq.get(topic));
  }
  assertEquals(got, { lost: "error trimmed", read: "r2", empty: "", "never read": "n1" });
  await closeAll(mq, host);
});

Deno.test("what expired unread while the client was connected is not a gap for a get, even after a break", async () => {
  const { clock, host, bridge, mq } = await setup();
  await store(host, "t", "m1", "m2");
  assertEquals(await mq.get("t"), "m1");
  // A heartbeat comes: by then m2 has expired.
  await passTime(clock, 2 * RETENTION);
  assertEquals(bridge.dials, 1);
  await reconnectTo(bridge, mq);
  await store(host, "t", "m3");
  assertEquals(await settled(mq.get("t")), "m3");
  await closeAll(mq, host);
});

Deno.test("what expired after the last heartbeat is a gap, and what expired before it is not", async () => {
  const { clock, host, bridge, mq } = await setup();
  await store(host, "before", "b1", "b2");
  assertEquals(await mq.get("before"), "b1");
  await passTime(clock, RETENTION / 2);
  await store(host, "after", "a3", "a4");
  assertEquals(await mq.get("after"), "a3");
  await passTime(clock, RETENTION / 2 + 10_000);
  assertEquals(bridge.dials, 1);
  disconnect(bridge);
  clock.advance(RETENTION);
  await letReconnect(bridge, mq, host);
  assertEquals([await settled(mq.get("before")), await settled(mq.get("after"))], [
    "",
    "error trimmed",
  ]);
  await closeAll(mq, host);
});

Deno.test("what expired unread is a gap for a stream, even if the client was connected", async () => {
  const { clock, host, bridge, mq } = await setup();
  const stream = mq.subscribe("t");
  await store(host, "t", "m1");
  assertEquals(await nextBody(stream), "m1");
  // The frame with m2 is lost, and so is the connection, after m2 has expired.
  bridge.passes = (frame) => !frame.includes("m2");
  await store(host, "t", "m2");
  await turns();
  await passTime(clock, 2 * RETENTION);
  assertEquals(bridge.dials, 1);
  await reconnectTo(bridge, mq);
  assertEquals(await nextBody(stream), "error trimmed");
  await closeAll(mq, host);
});

Deno.test("a gap whose reader has given up is reported to the next reader", async () => {
  const { host, bridge, mq, back } = await brokenSetup("m3");
  await cancelWaitInFlight(bridge, mq, "trimmed", back);
  bridge.release();
  await turns();
  assertEquals([await settled(mq.get("t")), await settled(mq.get("t"))], ["error trimmed", "m3"]);
  await closeAll(mq, host);
});

Deno.test("of several concurrent reads the first is told of a gap, and the others get what is there", async () => {
  const { host, mq, back } = await brokenSetup("m3", "m4");
  const reading = [mq.getWait("t"), mq.getWait("t"), mq.getWait("t")].map((work) => settled(work));
  await back();
  assertEquals(await Promise.all(reading), ["error trimmed", "m3", "m4"]);
  await closeAll(mq, host);
});

Deno.test("if the answer that reported a gap is lost, it is reported again", async () => {
  const { host, bridge, mq, back } = await brokenSetup("m3");
  const got = settled(mq.get("t"));
  bridge.passes = (frame) => !frame.includes("trimmed");
  await back();
  await turns();
  bridge.passes = () => true;
  bridge.cut();
  assertEquals([await got, await settled(mq.get("t"))], ["error trimmed", "m3"]);
  await closeAll(mq, host);
});

Deno.test("a gap states from where to where: the number asked for, the floor and the last number", async () => {
  const { clock, host, bridge, mq } = await setup();
  await store(host, "t", "m1", "m2", "m3");
  assertEquals(await mq.get("t"), "m1");
  disconnect(bridge);
  clock.advance(2 * RETENTION);
  await store(host, "t", "m4");
  await letReconnect(bridge, mq, host);
  const error = await mq.get("t").catch((error) => error);
  assert(error instanceof DsmqError, `${error}`);
  assertEquals([error.code, error.topic, error.after, error.floor, error.last], [
    "trimmed",
    "t",
    1,
    3,
    4,
  ]);
  await closeAll(mq, host);
});

Deno.test("messages that were dropped to make room are a gap, too", async () => {
  const clock = new ManualClock();
  const limits = { storedBytes: 330, overflow: "drop-oldest" as const };
  const host = await testServer(inMemory(clock, RETENTION, limits), clock);
  const { bridge, mq } = await connectedPair(host);
  await store(host, "t", "m1", "m2");
  assertEquals(await mq.get("t"), "m1");
  disconnect(bridge);
  clock.advance(1);
  await store(host, "t", "m3", "m4", "m5");
  await letReconnect(bridge, mq, host);
  const got = [];
  for (let i = 0; i < 5; i++) got.push(await settled(mq.get("t")));
  assertEquals(got, ["error trimmed", "m3", "m4", "m5", ""]);
  await closeAll(mq, host);
});

Deno.test("what expired while the server was down is reported by the next one, on the same file", async () => {
  await using file = new QueueFile();
  const clock = new ManualClock();
  let host = await testServer(file.open(clock, RETENTION), clock);
  const { bridge, mq } = await connectedPair(host);
  await store(host, "t", "m1", "m2");
  await store(host, "read", "r1");
  assertEquals([await mq.get("t"), await mq.get("read")], ["m1", "r1"]);
  disconnect(bridge);
  await host[Symbol.asyncDispose]();
  clock.advance(2 * RETENTION);
  host = await testServer(file.open(clock, RETENTION), clock);
  await letReconnect(bridge, mq, host);
  await store(host, "t", "m3");
  const got = [await settled(mq.get("t")), await settled(mq.get("t"))];
  assertEquals([got, await settled(mq.get("read"))], [["error trimmed", "m3"], ""]);
  await closeAll(mq, host);
});

Deno.test("a client that reads everything after a number is told of all that is missing, topic by topic", async () => {
  const clock = new ManualClock();
  const host = await testServer(inMemory(clock, RETENTION), clock);
  await store(host, "a", "a1", "a2");
  await store(host, "b", "b3");
  clock.advance(2 * RETENTION);
  await store(host, "a", "a4");
  await store(host, "c", "c5");
  const bridge = new Bridge(host);
  const mq = await connect(bridge.url, { dial: bridge.dial, reconnect, since: 1 });
  const got = [];
  for (const topic of ["a", "a", "b", "c", "d"]) got.push(await settled(mq.get(topic)));
  assertEquals(got, ["error trimmed", "a4", "error trimmed", "c5", ""]);
  await closeAll(mq, host);
});
