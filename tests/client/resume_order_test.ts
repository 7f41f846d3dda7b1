/**
 * The order of replies: reads of one turn are answered oldest first and settle, whatever delays some of the answers,
 * and whatever breaks between two of them.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect, type Connection } from "@dsmq/server";
import { ClientConnection } from "../../connection/client_connection.ts";
import { GatedStore, inMemory, settled, store, testServer, turns } from "../support/bridge.ts";
import { cancelWaitInFlight } from "../support/cancelled_wait.ts";
import { closeAll, connectedPair, heartbeat } from "../support/connected_pair.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { ALL_PERMISSIONS } from "../support/memory_peer.ts";
import { QueueFile } from "../support/queue_file.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** A client of a server that has messages of the topic `t`, and whose reads of the topic `slow` wait for the test. */
async function gatedSetup(...messages: string[]) {
  const clock = new ManualClock();
  const gated = new GatedStore(clock);
  const host = await testServer(gated, clock);
  await store(host, "t", ...messages);
  const { bridge, mq } = await connectedPair(host, { since: "start" });
  return { clock, gated, host, bridge, mq };
}

/** The ways to read one message, each as its text. */
const READS = {
  get: (mq: Connection) => mq.get("t"),
  getLatest: (mq: Connection) => mq.getLatest("t"),
  getWait: (mq: Connection) => mq.getWait("t"),
  read: async (mq: Connection) => (await mq.read("t", { wait: 10_000 }))?.body ?? "",
  stream: async (mq: Connection) => {
    const stream = mq.subscribe("t");
    const { value } = await stream.next();
    await stream.return!();
    return value?.body ?? "";
  },
};

for (const [name, read] of Object.entries(READS)) {
  Deno.test(`a ${name} whose answer waits beside a slow one loses nothing when the connection breaks behind a heartbeat`, async () => {
    const { clock, gated, host, bridge, mq } = await gatedSetup("m1");
    const reading = settled(read(mq));
    const slow = mq.get("slow"); // In the same frame: it keeps answers back.
    await turns();
    heartbeat(clock);
    await turns();
    bridge.cut();
    gated.gate.resolve();
    const got = await reading;
    await slow;
    await closeAll(mq, host);
    assertEquals(got, "m1");
  });
}

Deno.test("a stream that failed with a gap is told of it, even if the connection breaks behind a heartbeat", async () => {
  const clock = new ManualClock();
  const gated = new GatedStore(clock, 60_000);
  const host = await testServer(gated, clock);
  await store(host, "t", "m1", "m2");
  clock.advance(120_000);
  await store(host, "t", "m3");
  const { bridge, mq } = await connectedPair(host);
  // m2 has expired.
  const stream = mq.subscribe("t", { since: 1 });
  const first = settled(stream.next());
  const slow = mq.get("slow");
  await turns();
  heartbeat(clock);
  await turns();
  bridge.cut();
  gated.gate.resolve();
  await slow;
  await store(host, "t", "m4");
  const got = await first;
  await closeAll(mq, host);
  assertEquals(typeof got === "string" ? got : got.value?.body, "error trimmed");
});

Deno.test("a heartbeat stays behind the answers that were there before it", async () => {
  const clock = new ManualClock();
  const gated = new GatedStore(clock);
  const host = await testServer(gated, clock);
  await store(host, "t", "m1");
  const sent: string[] = [];
  const connection = new ClientConnection(
    host,
    {
      send: (frame) => sent.push(frame),
      buffered: 0,
      drained: () => Promise.resolve(),
      close() {},
      closeAndStopReading() {},
      drop() {},
    },
    0,
    ALL_PERMISSIONS,
  );
  connection.receive(JSON.stringify({ action: "hello", id: 1, heartbeat: 10_000 }));
  await turns();
  connection.receive(JSON.stringify([
    { action: "get_wait", id: 2, topic: "t" },
    { action: "put", id: 3, topic: "t", body: "m2" },
    { action: "get", id: 4, topic: "slow" },
  ]));
  await turns();
  heartbeat(clock);
  await turns();
  gated.gate.resolve();
  await turns();
  connection.end();
  await host[Symbol.asyncDispose]();
  const replies: { id?: number; heartbeat?: number }[] = sent.flatMap((frame) => JSON.parse(frame));
  const order = replies.map(({ id }) => id ?? "heartbeat").filter((id) => id !== 1 && id !== 4);
  assertEquals(order.slice(0, 3), [2, 3, "heartbeat"]);
});

/** Reads that are sent together with a put of `second`, when `first` is there already; and the result of each. */
const MIXES: [(keyof typeof READS)[], string[]][] = [
  [["get", "getWait"], ["first", "second"]],
  [["getWait", "getWait"], ["first", "second"]],
  [["getLatest", "getWait"], ["first", "second"]],
  [["getWait", "get"], ["first", ""]],
  [["get", "get", "read"], ["first", "", "second"]],
  [["get", "stream"], ["first", "second"]],
];

for (const kind of ["memory", "file"] as const) {
  for (const transport of ["builtin", "hardened"] as const) {
    Deno.test(`reads and a put of one turn: oldest first (${kind}, ${transport})`, async () => {
      await using file = new QueueFile();
      for (const [names, expected] of MIXES) {
        const storeOption = kind === "memory" ? {} : { store: `sqlite:${file.path}` as const };
        await using server = await openServer({ transport, ...storeOption });
        await using mq = await connect(server.url, { since: "now" });
        await mq.put("t", "first");
        const reading = names.map((name) => withTimeout(READS[name](mq)));
        const put = mq.put("t", "second");
        assertEquals(await Promise.all(reading), expected, names.join());
        await put;
      }
    });
  }
}

Deno.test("a get, a getWait and a put of one turn, and a break between two answers: nothing is lost", async () => {
  const host = await testServer(inMemory());
  const { bridge, mq } = await connectedPair(host, { since: "start" });
  await store(host, "t", "first");
  let count = 0;
  // The first frame of answers arrives, and nothing after it.
  bridge.passes = (frame) => !/"id":/.test(frame) || count++ === 0;
  const all = [mq.get("t"), mq.getWait("t"), mq.put("t", "second")];
  await turns();
  bridge.passes = () => true;
  bridge.cut();
  const [got, waitReply, put] = await Promise.all(all.map((work) => settled<unknown>(work)));
  const rest = await mq.get("t");
  await closeAll(mq, host);
  assertEquals([got, waitReply, put, rest], ["first", "second", 2, ""]);
});

Deno.test("a wait without time, one that waits and a put of one turn: each settles", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  const none = mq.getWait("t", { timeout: 0 });
  const waiting = mq.getWait("t", { timeout: 60_000 });
  await mq.put("t", "m");
  assertEquals([await settled(none), await settled(waiting)], ["", "m"]);
});

for (const second of ["get", "getWait", "read"] as const) {
  Deno.test(`a getLatest, a put and a ${second} of one turn: each gets its message`, async () => {
    await using server = await openServer();
    await using mq = await connect(server.url, { since: "start" });
    await mq.put("t", "old");
    const latest = mq.getLatest("t");
    const put = mq.put("t", "new");
    const next = READS[second](mq);
    await put;
    assertEquals([await settled(latest), await settled(next)], ["old", "new"]);
  });
}

Deno.test("a getLatest skips what an earlier wait left behind, and a get behind it does not get that", async () => {
  const host = await testServer(inMemory());
  const { bridge, mq } = await connectedPair(host);
  await cancelWaitInFlight(bridge, mq, "", () => store(host, "t", "1"));
  bridge.release();
  await turns();
  await store(host, "t", "2", "3");
  const [latest, next] = [mq.getLatest("t"), mq.get("t")];
  assertEquals([await settled(latest), await settled(next)], ["3", ""]);
  await closeAll(mq, host);
});

Deno.test("what was in flight to a cancelled wait goes to the next reader, before what came later", async () => {
  const host = await testServer(inMemory());
  const { bridge, mq } = await connectedPair(host);
  await cancelWaitInFlight(bridge, mq, "", () => store(host, "t", "1"));
  const next = mq.get("t");
  await turns();
  await store(host, "t", "2");
  const later = mq.getWait("t");
  await turns();
  bridge.release();
  assertEquals([await settled(next), await settled(later)], ["1", "2"]);
  await closeAll(mq, host);
});

Deno.test("answers that share a frame with the answer to hello are handled, too", async () => {
  const host = await testServer(inMemory());
  const { bridge, mq } = await connectedPair(host, { since: "start" });
  const waiting = [mq.getWait("t"), mq.getWait("t")];
  await turns();
  bridge.cut();
  // Requests sent again on reconnecting are answered while the answer to hello is held.
  bridge.holds = () => true;
  await turns();
  await store(host, "t", "1", "2");
  await turns();
  bridge.release();
  assertEquals(await Promise.all(waiting.map((work) => settled(work))), ["1", "2"]);
  await closeAll(mq, host);
});

for (const order of ["before", "behind"] as const) {
  Deno.test(`reads and a put in the turn of a close, ${order} it: each settles`, async () => {
    const host = await testServer(inMemory());
    const { mq } = await connectedPair(host, { since: "start" });
    await store(host, "t", "1");
    const closed = order === "behind" ? mq.close() : undefined;
    const calls = [mq.get("t"), mq.getLatest("t"), mq.getWait("other"), mq.put("t", "2")];
    const closing = closed ?? mq.close();
    const outcomes = await Promise.all(calls.map((work) => settled<unknown>(work)));
    await withTimeout(closing);
    await host[Symbol.asyncDispose]();
    // Earlier calls that are answered at once are waited for; those that only wait are not.
    if (order === "before") assertEquals(outcomes, ["1", "", "error closed", 2]);
    else assertEquals(outcomes, Array(4).fill("error closed"));
  });
}
