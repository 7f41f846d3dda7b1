/**
 * Heartbeats report the state of the store as it last gave it, and nothing else.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { store, testServer, turns } from "../support/bridge.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { ManualPeer } from "../support/manual_peer.ts";

const INTERVAL = 1600;

/** A store that sometimes cannot give its bounds. */
class FailingStore extends MemoryStore {
  fails = false;

  override bounds() {
    return this.fails ? Promise.reject(new Error("it fails")) : super.bounds();
  }
}

Deno.test("when the store cannot give its bounds, heartbeats repeat the last ones, and none are sent before the first", async () => {
  const clock = new ManualClock();
  const failing = new FailingStore({ engine: nodeSqlite, retention: 600_000, clock });
  await using host = await testServer(failing, clock);
  await store(host, "t", "m");
  using peer = new ManualPeer(host);
  await peer.request({ action: "hello", id: 1, heartbeat: INTERVAL });
  const nextHeartbeat = async () => {
    const { length } = peer.received;
    for (let part = 0; part < 16; part++) {
      clock.advance(INTERVAL / 16);
      await turns(1);
    }
    peer.sendFrame({ action: "heartbeat" });
    return peer.received.slice(length);
  };
  failing.fails = true;
  assertEquals(await nextHeartbeat(), []);
  failing.fails = false;
  const [good, ...others] = await nextHeartbeat();
  assertEquals([good.heartbeat, good.last, good.floor, others], [INTERVAL, 1, 0, []]);
  await store(host, "t", "later");
  failing.fails = true;
  assertEquals(await nextHeartbeat(), [good]);
  failing.fails = false;
  assertEquals((await nextHeartbeat()).map(({ last }) => last), [2]);
});

Deno.test("a client that asks for rare heartbeats gets at least one every 20 s, and times out as late as it asked", async () => {
  const clock = new ManualClock();
  await using host = await testServer(
    new MemoryStore({ engine: nodeSqlite, retention: 600_000, clock }),
    clock,
  );
  using peer = new ManualPeer(host);
  await peer.request({ action: "hello", id: 1, heartbeat: 120_000 });
  for (let i = 0; i < 11; i++) {
    const { length } = peer.received;
    for (let part = 0; part < 16; part++) {
      clock.advance(20_000 / 16);
      await turns(1);
    }
    const [nextHeartbeat] = peer.received.slice(length);
    assertEquals(nextHeartbeat?.heartbeat, 120_000, `after ${20 * (i + 1)} s`);
  }
  assertEquals(peer.closedWith, undefined);
  for (let part = 0; part < 8 * 16; part++) {
    clock.advance(20_000 / 16);
    await turns(1);
  }
  assertEquals(peer.closedWith, 4408);
});

Deno.test("a hello whose progress is neither true nor false is refused, and asks for no heartbeats", async () => {
  const clock = new ManualClock();
  await using host = await testServer(
    new MemoryStore({ engine: nodeSqlite, retention: 600_000, clock }),
    clock,
  );
  using peer = new ManualPeer(host);
  for (const progress of [1, "true", null, {}]) {
    const hello = { action: "hello", id: 1, heartbeat: INTERVAL, progress };
    assertEquals((await peer.request(hello)).error?.code, "bad_request");
  }
  clock.advance(INTERVAL);
  await turns(1);
  assertEquals(peer.received.length, 4);
});
