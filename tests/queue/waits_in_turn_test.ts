import { assert, assertEquals } from "@std/assert";
import { inMemory, store, testServer, turns } from "../support/bridge.ts";
import { ManualPeer } from "../support/manual_peer.ts";
import { ManualTurns } from "../support/manual_turns.ts";

const WAITS = 2000;

Deno.test("thousands of waits that are served at once let other clients have their turn in between", async () => {
  const manual = new ManualTurns();
  await using host = await testServer(inMemory());
  using peer = new ManualPeer(host, { turn: manual.turns.join() });
  peer.sendFrame(
    Array.from(
      { length: WAITS },
      (_, id) => ({ action: "get_wait", id, topic: "t", timeout: 100_000 }),
    ),
  );
  await turns(3);
  for (; manual.awaited; await turns(1)) await manual.networkLook();
  assertEquals(peer.received.length, 0);
  // From now on each look at the clock takes a millisecond.
  const { now } = ManualTurns.prototype;
  manual.now = () => (manual.spend(1), now.call(manual));
  await store(host, "t", ...Array.from({ length: WAITS }, (_, i) => `${i}`));
  await turns(3);
  let max = peer.messages.length;
  for (let before = max; manual.awaited; before = peer.messages.length) {
    await manual.networkLook();
    await turns(1);
    max = Math.max(max, peer.messages.length - before);
  }
  assertEquals(peer.messages, Array.from({ length: WAITS }, (_, i) => `${i}`));
  assert(max <= 1000, `${max} were served in one turn`);
});
