/**
 * A cancelled call leaves nothing behind, at any moment: at the server, in the client, or for `close` to wait for.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Connection } from "../../client.ts";
import { type Bridge, inMemory, settled, store, testServer, turns } from "../support/bridge.ts";
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
import { withTimeout } from "../support/with_timeout.ts";
import { inVirtualTime } from "../support/in_virtual_time.ts";

/** The stream frames that come down from now on. */
function streamed(bridge: Bridge): () => string[] {
  const { length } = bridge.down;
  return () => bridge.down.slice(length).filter((frame) => frame.includes('"seqs"'));
}

/** Disconnects, reconnects, and does something in the very turn in which the client is connected again. */
async function whenBack(bridge: Bridge, mq: Connection, act: () => void): Promise<void> {
  const states = mq.statusChanges();
  await states.next();
  const reconnecting = states.next();
  const { host } = bridge;
  disconnect(bridge);
  assertEquals((await reconnecting).value?.status, "reconnecting");
  const acted = states.next().then(act);
  await letReconnect(bridge, mq, host!);
  await withTimeout(acted);
  await states.return!();
}

// At the server.

Deno.test("a wait that is cancelled in the turn of a reconnect does not wait at the server", async () => {
  const host = await testServer(inMemory());
  const { bridge, mq } = await connectedPair(host);
  const abort = new AbortController();
  const wait = settled(mq.getWait("t", { signal: abort.signal }));
  await turns(3);
  await whenBack(bridge, mq, () => abort.abort());
  await wait;
  await turns(3);
  assertEquals(host.queue.listenedTopics, 0);
  await closeAll(mq, host);
});

Deno.test("a stream that is left in the turn of a reconnect leaves nothing at the server", async () => {
  const host = await testServer(inMemory());
  const { bridge, mq } = await connectedPair(host);
  const stream = mq.subscribe("t");
  await turns(3);
  await whenBack(bridge, mq, () => void stream.return!());
  await turns(3);
  const frames = streamed(bridge);
  await store(host, "t", "m");
  await turns(5);
  assertEquals([frames(), host.queue.listenedTopics], [[], 0]);
  await closeAll(mq, host);
});

Deno.test("a stream that is left while it waits to be requested again, behind another, leaves nothing at the server", async () => {
  const host = await testServer(inMemory(), undefined, { inFlight: 1 });
  const { bridge, mq } = await connectedPair(host);
  const [one, other] = [mq.subscribe("t1"), mq.subscribe("t2")];
  await turns(6);
  bridge.holds = (frame) => frame.includes('"sub"');
  await reconnectTo(bridge, mq);
  await turns(3);
  await other.return!();
  bridge.release();
  await turns(5);
  const frames = streamed(bridge);
  await store(host, "t2", "m");
  await turns(5);
  assertEquals(frames(), []);
  await store(host, "t1", "m");
  assertEquals(await nextBody(one), "m");
  await one.return!();
  await closeAll(mq, host);
});

Deno.test("a stream that is left by its own onGap is not requested again, whatever onGap returns", async () => {
  for (const choice of ["now", "oldest"] as const) {
    const clock = new ManualClock();
    const host = await testServer(inMemory(clock, 1000), clock);
    const { bridge, mq } = await connectedPair(host, { since: "start" });
    await store(host, "t", "old");
    clock.advance(2000);
    await store(host, "t", "new");
    const abort = new AbortController();
    const onGap = () => {
      abort.abort();
      return choice;
    };
    const stream = mq.subscribe("t", { since: 0, signal: abort.signal, onGap });
    assertEquals(await nextBody(stream), "error 20");
    await turns(5);
    const frames = streamed(bridge);
    await store(host, "t", "m");
    await turns(5);
    assertEquals([frames(), host.queue.listenedTopics], [[], 0]);
    await closeAll(mq, host);
  }
});

// Messages in flight to cancelled reads.

Deno.test("a subscription from the cursor begins with the message that was in flight to a cancelled wait", async () => {
  const host = await testServer(inMemory());
  const { bridge, mq } = await connectedPair(host, { since: "start" });
  await cancelWaitInFlight(bridge, mq, "m1", () => store(host, "t", "m1"));
  const stream = mq.subscribe("t");
  const first = nextBody(stream);
  await turns(3);
  bridge.release();
  await turns(3);
  await store(host, "t", "m2");
  assertEquals([await first, await nextBody(stream)], ["m1", "m2"]);
  await stream.return!();
  await closeAll(mq, host);
});

Deno.test("a subscription from the cursor is told of the gap that was in flight to a cancelled wait", async () => {
  const clock = new ManualClock();
  const host = await testServer(inMemory(clock, 1000), clock);
  const { bridge, mq } = await connectedPair(host, { since: "start" });
  await store(host, "t", "m1");
  assertEquals(await mq.get("t"), "m1");
  disconnect(bridge);
  await store(host, "t", "m2");
  clock.advance(2000);
  await store(host, "t", "m3");
  await letReconnect(bridge, mq, host);
  await cancelWaitInFlight(bridge, mq, "trimmed");
  const first = nextBody(mq.subscribe("t"));
  await turns(3);
  bridge.release();
  assertEquals(await first, "error trimmed");
  assertEquals(await mq.get("t"), "m3");
  await closeAll(mq, host);
});

Deno.test("a subscription that waits for room is requested once, from the message that meanwhile came to a cancelled wait", async () => {
  const host = await testServer(inMemory(), undefined, { inFlight: 4 });
  const { bridge, mq } = await connectedPair(host);
  await cancelWaitInFlight(bridge, mq, "m1", () => store(host, "t", "m1"));
  bridge.holdsUp = (frame) => frame.includes("put");
  const puts = Array.from({ length: 12 }, (_, i) => settled(mq.put(`t${i}`, "m")));
  const stream = mq.subscribe("t");
  const first = nextBody(stream);
  await turns(3);
  bridge.release();
  assertEquals(await first, "m1");
  await Promise.all(puts);
  await store(host, "t", "m2");
  assertEquals(await nextBody(stream), "m2");
  assertEquals(bridge.up.join().match(/"subscribe"/g)?.length, 1);
  await stream.return!();
  await turns(3);
  assertEquals(host.queue.listenedTopics, 0);
  await closeAll(mq, host);
  // With something unanswered it would not have said that nothing is.
  assert(bridge.up.at(-1)!.includes('"action":"close"'), bridge.up.at(-1));
});

// Close.

Deno.test("while disconnected, close does not wait for a subscription that ends with it", () =>
  inVirtualTime(async (time) => {
    const host = await testServer(inMemory(new ManualClock()));
    const { bridge, mq } = await connectedPair(host);
    disconnect(bridge);
    mq.subscribe("t");
    const begin = time.now;
    await mq.close();
    assertEquals(Math.floor(time.now - begin), 0);
    await host[Symbol.asyncDispose]();
  }));

Deno.test("while disconnected, close does not wait for the answer of a subscription that was left", () =>
  inVirtualTime(async (time) => {
    const host = await testServer(inMemory(new ManualClock()));
    const { bridge, mq } = await connectedPair(host);
    bridge.passes = () => false;
    const stream = mq.subscribe("t");
    await turns(3);
    await stream.return!();
    disconnect(bridge);
    const begin = time.now;
    await mq.close();
    assertEquals(Math.floor(time.now - begin), 0);
    await host[Symbol.asyncDispose]();
  }));

for (const breaks of [false, true]) {
  const how = breaks ? ", even if it has to reconnect for them" : "";
  Deno.test(`a client that is closing and waits for its last answers never reports that it reconnects${how}`, () =>
    inVirtualTime(async (time) => {
      const host = await testServer(inMemory(new ManualClock()));
      const { bridge, mq } = await connectedPair(host);
      bridge.passes = (frame) => !frame.includes('"seq"');
      const put = settled(mq.put("t", "m"), 60_000);
      await turns(3);
      const seen: string[] = [];
      const statusWatch = (async () => {
        for await (const { status } of mq.statusChanges()) seen.push(status);
      })();
      const begin = time.now;
      const closing = mq.close();
      if (breaks) bridge.cut();
      await closing;
      await statusWatch;
      assertEquals(bridge.dials, breaks ? 2 : 1);
      assert(time.now - begin >= 5000, "it waits for the answer");
      assertEquals([await put, seen], ["error unknown_outcome", ["connected", "closed"]]);
      await host[Symbol.asyncDispose]();
    }));
}

Deno.test("when the connection ends for good nothing resolves: a get behind a getLatest does not take what it left", async () => {
  const host = await testServer(inMemory());
  const { bridge, mq } = await connectedPair(host, { since: "start", reconnect: false });
  await cancelWaitInFlight(bridge, mq, "m1", () => store(host, "t", "m1"));
  bridge.release();
  await turns(3);
  // The message is kept for the next reader: that is the getLatest, which waits for its answer.
  bridge.passes = () => false;
  const reads = [settled(mq.getLatest("t")), settled(mq.get("t"))];
  await turns(3);
  bridge.cut();
  assertEquals(await Promise.all(reads), ["error closed", "error closed"]);
  await closeAll(mq, host);
});
