/**
 * Peers that leave while the store looks for what they asked: nothing of them is left, and nothing more is done.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { hostOf, store, turns } from "./support/bridge.ts";
import { HeldStore } from "./support/held_store.ts";
import { ManualPeer } from "./support/manual_peer.ts";

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
