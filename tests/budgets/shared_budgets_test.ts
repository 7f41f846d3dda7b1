/**
 * What all connections share: a greedy client is refused with the limit of the server, and others get what they need.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Permissions } from "../../auth/permissions.ts";
import { FrameScan } from "../../protocol/frame_scan.ts";
import { DEFAULT_LIMITS, type ServerLimits } from "../../protocol/limits.ts";
import { ConnectionBudgets, SharedBudgets } from "../../budgets/shared_budgets.ts";
import { fitToHeap } from "../../server/heap_limits.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { until } from "../support/bridge.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { ManualPeer } from "../support/manual_peer.ts";
import { openServer } from "../support/open_server.ts";
import { HeldStore } from "../support/held_store.ts";
import { openContext } from "../support/memory_peer.ts";
import { RawClient } from "../support/raw_client.ts";

const weakPermissions = new Permissions("weak", { permissions: ["read"] });

async function host(limits: Partial<ServerLimits>) {
  const clock = new ManualClock();
  const store = new MemoryStore({ engine: nodeSqlite, retention: 600_000, clock });
  return await openContext(store, clock, { connections: 10, ...limits });
}

interface Case {
  readonly limit: "totalCursors" | "totalWaits" | "totalSubscriptions";
  /** Asks for one more. */
  take(id: number): { readonly id: number };
  /** Returns one. */
  giveBack?(id: number, taken: number): { readonly id: number };
}

let lastId = 0;

const cases: Readonly<Record<string, Case>> = {
  cursors: {
    limit: "totalCursors",
    take: (id) => ({ action: "get", id, topic: `t${id}` }),
  },
  "cursors by a position that tells of a gap": {
    limit: "totalCursors",
    take: (id) => ({ action: "get", id, topic: `t${id}`, since: { epoch: "another", after: 5 } }),
  },
  waits: {
    limit: "totalWaits",
    take: (id) => ({ action: "get_wait", id, topic: "t", timeout: 60_000 }),
    giveBack: (id, wait) => ({ action: "cancel", id, wait }),
  },
  subscriptions: {
    limit: "totalSubscriptions",
    take: (id) => ({ action: "subscribe", id, topic: "t", messages: 1, bytes: 1, since: "now" }),
    giveBack: (id, sub) => ({ action: "unsubscribe", id, sub }),
  },
};

for (const [what, { limit, take, giveBack }] of Object.entries(cases)) {
  /** Takes as many as it gets, at most this many; returns their ids. */
  const greedy = async (peer: ManualPeer, max: number): Promise<number[]> => {
    const ids = Array.from({ length: max }, () => ++lastId);
    peer.sendFrame(ids.map(take));
    await peer.request({ action: "heartbeat", id: ++lastId });
    const errors = ids.map((id) => peer.reply(id)?.error);
    for (const error of errors) {
      if (error?.code !== "limit_exceeded") continue;
      assertEquals(error.limit, 1000);
      assert(error.message.includes("the server"), error.message);
    }
    return ids.filter((_, i) => errors[i]?.code !== "limit_exceeded");
  };

  Deno.test(`${what}: one identity has its half of what is shared, and every client gets a few`, async () => {
    await using shared = await host({ [limit]: 1000 });
    using one = new ManualPeer(shared, { permissions: weakPermissions });
    using two = new ManualPeer(shared, { permissions: weakPermissions });
    // 16 for each of 10 connections, and half of the other 840.
    const [first, second] = [await greedy(one, 2000), await greedy(two, 2000)];
    assertEquals([first.length, second.length], [16 + 420, 16]);
    using honest = new ManualPeer(shared, { permissions: new Permissions("honest", {}) });
    assertEquals((await greedy(honest, 100)).length, 100);
    one.connection.end();
    await until(() => shared.budgets.of(limit).free === 840 - 100 + 16);
    assertEquals((await greedy(two, 30)).length, 30);
  });

  Deno.test(`${what}: what a connection held is free again when it has gone`, async () => {
    await using shared = await host({ [limit]: 1000 });
    for (let i = 0; i < 5; i++) {
      using peer = new ManualPeer(shared, { permissions: weakPermissions });
      assertEquals((await greedy(peer, 2000)).length, 436);
      peer.connection.end();
      await until(() => shared.budgets.of(limit).free === 840);
    }
  });

  if (giveBack) {
    Deno.test(`${what}: what was returned can be taken again`, async () => {
      await using shared = await host({ [limit]: 1000 });
      using peer = new ManualPeer(shared, { permissions: weakPermissions });
      const taken = await greedy(peer, 2000);
      peer.sendFrame(taken.slice(0, 100).map((id) => giveBack(++lastId, id)));
      await peer.request({ action: "heartbeat", id: ++lastId });
      assertEquals(shared.budgets.of(limit).free, 840 - 320);
      assertEquals((await greedy(peer, 2000)).length, 100);
    });
  }
}

Deno.test("what was taken before the hello counts for the token that it brings", () => {
  const budgets = new SharedBudgets({ ...DEFAULT_LIMITS, connections: 1, totalWaits: 132 });
  const connectionBudgets = new ConnectionBudgets(budgets, "@127.0.0.1");
  assert(connectionBudgets.of("totalWaits").take(16 + 30));
  connectionBudgets.moveTo("somebody");
  assert(new ConnectionBudgets(budgets, "@127.0.0.1").of("totalWaits").take(16 + 40));
  connectionBudgets.close();
  assert(!connectionBudgets.of("totalWaits").take());
});

Deno.test("the total never exceeds its limit, however small that is and however many clients come", () => {
  for (const total of [1, 2, 7, 100, 1000]) {
    const budgets = new SharedBudgets({ ...DEFAULT_LIMITS, connections: 10, totalCursors: total });
    const all = Array.from({ length: 10 }, (_, i) => new ConnectionBudgets(budgets, `holder ${i}`));
    let taken = 0;
    for (let more = true; more;) {
      more = false;
      for (const connectionBudgets of all) {
        if (!connectionBudgets.of("totalCursors").take()) continue;
        taken++;
        more = true;
      }
    }
    assert(taken <= total, `${taken} of ${total}`);
  }
});

Deno.test("defaults fit the heap, and what was set stays", () => {
  const MIB = 1024 * 1024;
  const set = { totalWaits: 5_000_000 };
  const small = fitToHeap({ ...DEFAULT_LIMITS, ...set }, set, 256 * MIB);
  assertEquals(small.totalWaits, 5_000_000);
  assert(small.totalCursors < 50_000 && small.totalSubscriptions < 50_000);
  assertEquals(small.totalInFlightBytes, 32 * MIB);
  assertEquals(fitToHeap(DEFAULT_LIMITS, {}, 8192 * MIB), DEFAULT_LIMITS);
});

Deno.test("a server counts what is taken by address if there is no token", async () => {
  await using server = await openServer({ limits: { totalWaits: 4, connections: 1000 } });
  await using one = await RawClient.open(server.url);
  await using two = await RawClient.open(server.url);
  const wait = (id: number) => ({ action: "get_wait", id, topic: "t", timeout: 60_000 });
  for (const id of [1, 2]) one.send(wait(id));
  await one.request({ action: "heartbeat", id: 9 });
  const { error } = await two.request(wait(3));
  assertEquals([error.code, error.limit], ["limit_exceeded", 4]);
});

/** A request that keeps those behind it waiting while the store is held. */
const held = { action: "get", id: 900, topic: "held" };
const text = "x".repeat(60_000);
const put = (id: number) => ({ action: "put", id, topic: "t", body: text });

Deno.test("waiting requests: one identity has its half of the memory, past it limit_exceeded; what is done makes room", async () => {
  const clock = new ManualClock();
  const store = new HeldStore(["read"], clock);
  await using shared = await openContext(store, clock, {
    ...{ connections: 10, totalInFlightBytes: 4_000_000, inFlightBytes: 100_000_000 },
  });
  const budget = shared.budgets.of("totalInFlightBytes");
  const whole = budget.free;
  const writer = new Permissions("writer", {});
  using one = new ManualPeer(shared, { permissions: writer });
  using other = new ManualPeer(shared, { permissions: new Permissions("other", {}) });
  store.hold();
  for (const peer of [one, other]) peer.sendFrame(held);
  for (let id = 1; id <= 40; id++) one.sendFrame(put(id));
  assert(budget.free >= whole / 2 - 20_000, `${budget.free} of ${whole} are left`);
  other.sendFrame(put(1));
  other.sendFrame(put(2));
  store.release();
  await until(() => one.received.length === 41 && other.received.length === 3);
  const refused = one.received.filter(({ error }) => error !== undefined);
  assert(refused.length > 10 && refused.length < 39, `${refused.length} refused`);
  for (const { error } of refused) {
    assertEquals([error.code, error.limit], ["limit_exceeded", 4_000_000]);
  }
  assertEquals(other.received.filter(({ error }) => error), []);
  assertEquals(budget.free, whole);
  assertEquals((await one.request(put(100))).error, undefined);
});

Deno.test("waiting requests: a client that leaves frees the memory once they are done, and at once if they are dropped", async () => {
  const clock = new ManualClock();
  const store = new HeldStore(["read"], clock);
  await using shared = await openContext(store, clock, { connections: 10 });
  const budget = shared.budgets.of("totalInFlightBytes");
  const whole = budget.free;
  for (const isGivenUp of [false, true]) {
    const peer = new ManualPeer(shared);
    const { stored } = shared.queue.counts;
    store.hold();
    peer.sendFrame(held);
    for (let id = 1; id <= 9; id++) peer.sendFrame(put(id));
    assert(budget.free < whole);
    if (isGivenUp) peer.connection.close();
    const ended = peer.connection.end();
    assertEquals(budget.free === whole, isGivenUp);
    store.release();
    await ended;
    assertEquals([budget.free, budget.sharing], [whole, 0]);
    assertEquals(shared.queue.counts.stored - stored, isGivenUp ? 0 : 9);
  }
});

Deno.test("waiting requests: without memory even for errors the connection is closed, to come back later", async () => {
  const clock = new ManualClock();
  const store = new HeldStore(["read"], clock);
  await using shared = await openContext(store, clock, {
    connections: 1,
    totalInFlightBytes: 20_000,
  });
  using peer = new ManualPeer(shared);
  store.hold();
  peer.sendFrame(held);
  const frame = Array.from({ length: 100 }, (_, id) => ({ action: "get", id, topic: "t" }));
  for (let i = 0; i < 20; i++) peer.sendFrame(frame);
  store.release();
  await until(() => peer.closedWith !== undefined);
  assertEquals(peer.closedWith, 1013);
});

Deno.test("waiting requests: a large frame without memory is not scanned, and its connection is closed, to come back later", async () => {
  const clock = new ManualClock();
  const store = new HeldStore(["read"], clock);
  await using shared = await openContext(store, clock, {
    connections: 1,
    totalInFlightBytes: 50_000,
  });
  using peer = new ManualPeer(shared);
  const { scanMore } = FrameScan.prototype;
  let scans = 0;
  FrameScan.prototype.scanMore = function (...args) {
    scans++;
    return scanMore.apply(this, args);
  };
  try {
    peer.sendFrame({ ...put(1), body: "x".repeat(100_000) });
    await until(() => peer.closedWith !== undefined);
  } finally {
    FrameScan.prototype.scanMore = scanMore;
  }
  assertEquals([peer.closedWith, scans, peer.received], [1013, 0, []]);
});
