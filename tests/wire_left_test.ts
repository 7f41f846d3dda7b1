/**
 * Peers that leave while the store looks for what they asked: nothing of them is left, and nothing more is done.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { hostOf, inMemory, store, turns } from "./support/bridge.ts";
import { HeldStore } from "./support/held_store.ts";
import { ManualPeer } from "./support/manual_peer.ts";
import { ManualTurns } from "./support/manual_turns.ts";

Deno.test("a get_wait whose peer left while its position was looked for leaves nothing behind", async () => {
  const held = new HeldStore(["standings"]);
  await using host = await hostOf(held);
  using peer = new ManualPeer(host);
  held.hold();
  peer.tell({ action: "get_wait", id: 1, topic: "t", since: { after: 0 }, timeout: 60_000 });
  await turns(3);
  peer.session.end();
  held.release();
  await turns();
  const { attended } = host.queue;
  await store(host, "t", "m");
  assertEquals([attended, host.queue.counts.delivered], [0, 0]);
});

Deno.test("a list of gets whose peer left asks the store for nothing more", async () => {
  const held = new HeldStore(["read"]);
  await using host = await hostOf(held);
  // More than one page of the store.
  await store(host, "t", ...Array.from({ length: 3000 }, (_, i) => `${i}`.padEnd(1000)));
  using peer = new ManualPeer(host);
  held.hold();
  peer.tell(Array.from({ length: 3000 }, (_, id) => ({ action: "get", id, topic: "t" })));
  await turns(3);
  peer.session.end();
  held.release();
  await turns();
  assertEquals(held.reads, 1);
});

Deno.test("who leaves while its puts wait for their turn has put them, and nothing of it is left", async () => {
  await using host = await hostOf(inMemory());
  const manual = new ManualTurns();
  using peer = new ManualPeer(host, { turn: manual.turns.join() });
  const other = manual.turns.join();
  other.begins();
  manual.work(20);
  other.charge(20);
  peer.tell({ action: "put", topic: "t", message: "kept" });
  peer.tell({ action: "get_wait", id: 1, topic: "t", timeout: 60_000 });
  await turns(3);
  assert(manual.awaited);
  peer.session.end();
  await manual.look();
  await turns();
  assertEquals([host.queue.counts.stored, host.queue.attended], [1, 0]);
  assert(peer.session.closed);
});
