/**
 * What all connections share: a greedy one is refused with the limit of the server, and others get what they need.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Leave } from "../door/leave.ts";
import { type ServerLimits, USUAL_LIMITS } from "../protocol/limits.ts";
import { Budgets, Shares } from "../queue/shares.ts";
import { fitted } from "../server/memory.ts";
import { nodeSqlite } from "../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../stores/memory.ts";
import { until } from "./support/bridge.ts";
import { ManualClock } from "./support/manual_clock.ts";
import { ManualPeer } from "./support/manual_peer.ts";
import { openServer } from "./support/open_server.ts";
import { hosted } from "./support/peer.ts";
import { Raw } from "./support/raw.ts";

const weak = new Leave("weak", { rights: ["read"] });

async function host(limits: Partial<ServerLimits>) {
  const clock = new ManualClock();
  const store = new MemoryStore({ engine: nodeSqlite, retention: 600_000, clock });
  return await hosted(store, clock, { connections: 10, ...limits });
}

interface Case {
  readonly limit: "totalCursors" | "totalWaits" | "totalSubscriptions";
  /** Asks for one more. */
  take(id: number): { readonly id: number };
  /** Gives one back. */
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
  /** Takes as many as it gets, at most so many; their ids. */
  const greedy = async (peer: ManualPeer, most: number): Promise<number[]> => {
    const ids = Array.from({ length: most }, () => ++lastId);
    peer.tell(ids.map(take));
    await peer.ask({ action: "heartbeat", id: ++lastId });
    const errors = ids.map((id) => peer.answer(id)?.error);
    for (const error of errors) {
      if (error?.code !== "too_many") continue;
      assertEquals(error.limit, 1000);
      assert(error.message.includes("the server"), error.message);
    }
    return ids.filter((_, i) => errors[i]?.code !== "too_many");
  };

  Deno.test(`${what}: one identity has its half of what is shared, and everybody gets a few`, async () => {
    await using shared = await host({ [limit]: 1000 });
    using one = new ManualPeer(shared, { leave: weak });
    using two = new ManualPeer(shared, { leave: weak });
    // 16 for each of 10 connections, and half of the other 840.
    const [first, second] = [await greedy(one, 2000), await greedy(two, 2000)];
    assertEquals([first.length, second.length], [16 + 420, 16]);
    using honest = new ManualPeer(shared, { leave: new Leave("honest", {}) });
    assertEquals((await greedy(honest, 100)).length, 100);
    one.session.end();
    await until(() => shared.budgets.of(limit).free === 840 - 100 + 16);
    assertEquals((await greedy(two, 30)).length, 30);
  });

  Deno.test(`${what}: what a connection had is there again when it has gone`, async () => {
    await using shared = await host({ [limit]: 1000 });
    for (let i = 0; i < 5; i++) {
      using peer = new ManualPeer(shared, { leave: weak });
      assertEquals((await greedy(peer, 2000)).length, 436);
      peer.session.end();
      await until(() => shared.budgets.of(limit).free === 840);
    }
  });

  if (giveBack) {
    Deno.test(`${what}: what was given back can be taken again`, async () => {
      await using shared = await host({ [limit]: 1000 });
      using peer = new ManualPeer(shared, { leave: weak });
      const taken = await greedy(peer, 2000);
      peer.tell(taken.slice(0, 100).map((id) => giveBack(++lastId, id)));
      await peer.ask({ action: "heartbeat", id: ++lastId });
      assertEquals(shared.budgets.of(limit).free, 840 - 320);
      assertEquals((await greedy(peer, 2000)).length, 100);
    });
  }
}

Deno.test("what was taken before the hello counts as that of the token that it brings", () => {
  const budgets = new Budgets({ ...USUAL_LIMITS, connections: 1, totalWaits: 132 });
  const shares = new Shares(budgets, "@127.0.0.1");
  assert(shares.of("totalWaits").take(16 + 30));
  shares.moveTo("somebody");
  assert(new Shares(budgets, "@127.0.0.1").of("totalWaits").take(16 + 40));
  shares.close();
  assert(!shares.of("totalWaits").take());
});

Deno.test("the whole never exceeds its limit, however small that is and however many come", () => {
  for (const total of [1, 2, 7, 100, 1000]) {
    const budgets = new Budgets({ ...USUAL_LIMITS, connections: 10, totalCursors: total });
    const all = Array.from({ length: 10 }, (_, i) => new Shares(budgets, `holder ${i}`));
    let taken = 0;
    for (let more = true; more;) {
      more = false;
      for (const shares of all) {
        if (!shares.of("totalCursors").take()) continue;
        taken++;
        more = true;
      }
    }
    assert(taken <= total, `${taken} of ${total}`);
  }
});

Deno.test("what nobody has set fits the heap, and what was set stays", () => {
  const MIB = 1024 * 1024;
  const set = { totalWaits: 5_000_000 };
  const small = fitted({ ...USUAL_LIMITS, ...set }, set, 256 * MIB);
  assertEquals(small.totalWaits, 5_000_000);
  assert(small.totalCursors < 50_000 && small.totalSubscriptions < 50_000);
  assertEquals(small.totalInFlightBytes, 32 * MIB);
  assertEquals(fitted(USUAL_LIMITS, {}, 8192 * MIB), USUAL_LIMITS);
});

Deno.test("a server counts what is taken by address where there is no token", async () => {
  await using server = await openServer({ limits: { totalWaits: 4, connections: 1000 } });
  await using one = await Raw.open(server.url);
  await using two = await Raw.open(server.url);
  const wait = (id: number) => ({ action: "get_wait", id, topic: "t", timeout: 60_000 });
  for (const id of [1, 2]) one.send(wait(id));
  await one.ask({ action: "heartbeat", id: 9 });
  const { error } = await two.ask(wait(3));
  assertEquals([error.code, error.limit], ["too_many", 4]);
});
