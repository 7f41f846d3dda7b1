/**
 * Permissions that are taken away while the store looks: what it finds is not told any more.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Leave } from "../door/leave.ts";
import type { WireError } from "../protocol/errors.ts";
import { hostOf, store, turns } from "./support/bridge.ts";
import { HeldStore } from "./support/held_store.ts";
import { ManualPeer } from "./support/manual_peer.ts";

const GOOD_NO_MORE: WireError = {
  code: "unauthorized",
  message: "Cannot go on: the token is gone",
};

const get = (id: number) => ({ action: "get", id, topic: "t" });

for (
  const [what, request] of [
    ["a get", get(1)],
    ["a list of gets", Array.from({ length: 3000 }, (_, id) => get(id))],
    ["a get_wait", { ...get(1), action: "get_wait" }],
    ["a subscribe", { ...get(1), action: "subscribe", since: "start", messages: 9, bytes: 999 }],
  ] as const
) {
  Deno.test(`${what} whose token was taken away while the store looked is given nothing`, async () => {
    const held = new HeldStore(["read", "standings"]);
    await using host = await hostOf(held);
    await store(host, "t", ...Array.from({ length: 3000 }, (_, i) => `${i}`));
    using peer = new ManualPeer(host);
    held.hold();
    peer.tell(request);
    await turns(3);
    // As `setTokens` does where the token is not among them any more.
    peer.session.expel(GOOD_NO_MORE);
    held.release();
    await turns();
    assertEquals(peer.messages, []);
  });
}

Deno.test("a list of topics tells none that may not be read any more when the store has found them", async () => {
  const held = new HeldStore(["topics"]);
  await using host = await hostOf(held);
  for (const topic of ["open.a", "secret", "open.b"]) await store(host, topic, "m");
  using peer = new ManualPeer(host);
  held.hold();
  peer.tell({ action: "topics", id: 1 });
  await turns(3);
  peer.session.leave = new Leave("", { topics: ["open."] });
  held.release();
  await peer.ask({ action: "heartbeat", id: 2 });
  const topics = peer.answer(1).topics.map(({ topic }: { topic: string }) => topic);
  assertEquals(topics, ["open.a", "open.b"]);
});
