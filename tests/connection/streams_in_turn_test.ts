/**
 * Streams of one connection that read from the store: however many there are, other clients have their turn in between.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { inMemory, store, testServer, turns } from "../support/bridge.ts";
import { ManualPeer } from "../support/manual_peer.ts";
import { ManualTurns } from "../support/manual_turns.ts";

const STREAMS = 200;

Deno.test("streams of many connections that wait for one purge let other clients have their turn when it ends", async () => {
  const manual = new ManualTurns();
  await using host = await testServer(inMemory());
  await store(host, "t", "message");
  const peers = Array.from(
    { length: STREAMS },
    () => new ManualPeer(host, { turn: manual.turns.join() }),
  );
  const ended = () => peers.filter(({ received }) => received.some(({ error }) => error)).length;
  const settle = async () => {
    await turns(3);
    for (; manual.awaited; await turns(1)) await manual.networkLook();
  };
  const since = { after: 0 };
  for (const peer of peers) peer.sendFrame({ action: "subscribe", id: 1, topic: "t", since });
  await settle();
  const { promise: removed, resolve } = Promise.withResolvers<void>();
  host.queue.purges.add({ topic: "t", end: Infinity, removed });
  await host.queue.apply([{ type: "purge", topic: "t", max: 1 }]);
  for (const peer of peers) peer.sendFrame({ action: "credit", sub: 1, messages: 1, bytes: 100 });
  await settle();
  assertEquals(ended(), 0, "they wait");
  // From now on each look at the clock takes a millisecond.
  const { now } = ManualTurns.prototype;
  manual.now = () => (manual.spend(1), now.call(manual));
  host.queue.purges.clear();
  resolve();
  await turns(3);
  let [before, max] = [0, 0];
  for (let looks = 0; manual.awaited || looks === 0; looks++) {
    max = Math.max(max, ended() - before);
    before = ended();
    await manual.networkLook();
  }
  assertEquals(ended(), STREAMS);
  assert(max <= 20, `${max} ended in one turn`);
  for (const peer of peers) peer[Symbol.dispose]();
});

Deno.test("streams that read together let other clients have their turn in between", async () => {
  const manual = new ManualTurns();
  await using host = await testServer(inMemory());
  await store(host, "t", "message");
  using peer = new ManualPeer(host, { turn: manual.turns.join() });
  /** Polls the network until nobody waits for it. */
  const look = async () => {
    let rounds = 0;
    for (; manual.awaited; rounds++) {
      await manual.networkLook();
      await turns(1);
    }
    return rounds;
  };
  const ids = Array.from({ length: STREAMS }, (_, i) => i + 1);
  peer.sendFrame(ids.map((id) => ({ action: "subscribe", id, topic: "t", since: "start" })));
  await turns(3);
  await look();
  assertEquals(peer.received.length, STREAMS);
  // From now on each look at the clock takes a millisecond.
  const { now } = ManualTurns.prototype;
  manual.now = () => (manual.spend(1), now.call(manual));
  peer.sendFrame(ids.map((sub) => ({ action: "credit", sub, messages: 1, bytes: 100 })));
  await turns(3);
  await look();
  assertEquals(peer.messages.length, STREAMS);
  // To read a message for each takes far more than one turn.
  peer.received.length = 0;
  await store(host, "t", "another");
  await turns(3);
  peer.sendFrame({ action: "credit", sub: 1, messages: 2, bytes: 200 });
  let max = 0;
  peer.sendFrame(ids.map((sub) => ({ action: "credit", sub, messages: 2, bytes: 200 })));
  await turns(3);
  for (let before = 0; manual.awaited; before = peer.messages.length) {
    await manual.networkLook();
    max = Math.max(max, peer.messages.length - before);
  }
  assertEquals(peer.messages.length, STREAMS);
  assert(max <= 20, `${max} were read in one turn`);
});
