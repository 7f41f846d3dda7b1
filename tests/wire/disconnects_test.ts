/**
 * Peers that disconnect: what they sent before counts, nothing more is read for them, and nothing of them remains.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { inMemory, store, testServer, turns } from "../support/bridge.ts";
import { HeldStore } from "../support/held_store.ts";
import { ManualPeer } from "../support/manual_peer.ts";
import { ManualTurns } from "../support/manual_turns.ts";

Deno.test("a get_wait whose peer disconnects while its position is looked up leaves nothing behind", async () => {
  const heldStore = new HeldStore(["topicBounds"]);
  await using host = await testServer(heldStore);
  using peer = new ManualPeer(host);
  heldStore.hold();
  peer.sendFrame({ action: "get_wait", id: 1, topic: "t", since: { after: 0 }, timeout: 60_000 });
  await turns(3);
  peer.connection.end();
  heldStore.release();
  await turns();
  const { listenedTopics } = host.queue;
  await store(host, "t", "m");
  assertEquals([listenedTopics, host.queue.counts.delivered], [0, 0]);
});

Deno.test("a list of gets whose peer has disconnected asks the store for nothing more", async () => {
  const heldStore = new HeldStore(["read"]);
  await using host = await testServer(heldStore);
  // More than one page of the store.
  await store(host, "t", ...Array.from({ length: 3000 }, (_, i) => `${i}`.padEnd(1000)));
  using peer = new ManualPeer(host);
  heldStore.hold();
  peer.sendFrame(Array.from({ length: 3000 }, (_, id) => ({ action: "get", id, topic: "t" })));
  await turns(3);
  peer.connection.end();
  heldStore.release();
  await turns();
  assertEquals(heldStore.reads, 1);
});

const PUT = { action: "put", topic: "t", message: "kept" };
const NUMBERED_PUT = { action: "put", topic: "t", body: "kept" };

/** What becomes of the frames of a peer that disconnects after the first look at the network, while it waits for its turn. */
async function doneOf(...frames: readonly (object | string)[]): Promise<number> {
  await using host = await testServer(inMemory());
  const manual = new ManualTurns();
  using peer = new ManualPeer(host, { turn: manual.turns.join() });
  const other = manual.turns.join();
  other.begin();
  manual.spend(20);
  other.charge(20);
  for (const frame of frames) peer.sendFrame(frame);
  await turns(3);
  assert(manual.awaited, "it does not wait for its turn");
  const { length } = peer.received;
  const ended = peer.connection.end();
  assert(ended, "it is over at once");
  for (let rounds = 0; !peer.connection.closed; rounds++) {
    assert(rounds < 1000, "it does not end");
    manual.spend(20);
    await manual.networkLook();
  }
  await ended;
  const { counts, listenedTopics, readers } = host.queue;
  assertEquals(
    [
      counts.delivered,
      listenedTopics,
      ...Array.from(readers.of(["t", "none"]), (one) => one.readers),
    ],
    [0, 0, 0, 0],
    "nothing is read for it, and nothing of it remains",
  );
  const reads = peer.received.slice(length).filter(({ action }) => action === "get");
  assertEquals(reads, []);
  return counts.stored;
}

Deno.test("the puts of a peer that disconnects while they wait for their turn are stored, and nothing of the peer remains", async () => {
  const wait = { action: "get_wait", id: 1, topic: "t", timeout: 60_000 };
  assertEquals(await doneOf(PUT, wait), 1);
  assertEquals(await doneOf(...Array.from({ length: 100 }, () => PUT)), 100);
});

Deno.test("when a peer disconnects in the middle of a list of puts, all of them are stored", async () => {
  const list = Array.from({ length: 5000 }, () => PUT);
  assertEquals(await doneOf(list), 5000);
});

Deno.test("when a peer disconnects before its large frame is fully parsed, the puts in it are stored", async () => {
  const list = Array.from({ length: 5000 }, () => PUT);
  assertEquals(await doneOf(JSON.stringify(list, null, 9)), 5000);
});

Deno.test("when a peer disconnects with gets ahead of its puts, nothing is read and everything is put", async () => {
  const gets = Array.from({ length: 500 }, () => ({ action: "get", topic: "t" }));
  const wait = { action: "get_wait", id: 1, topic: "none", timeout: 60_000 };
  const subscribe = { action: "subscribe", id: 2, topic: "t", messages: 10, bytes: 1000 };
  assertEquals(await doneOf([PUT, ...gets, PUT, wait, subscribe, PUT]), 3);
});

Deno.test("the puts of a session count even if its peer disconnects during hello", async () => {
  const hello = { action: "hello", id: 1, session: "0123456789abcdef0123", try: 1 };
  assertEquals(
    await doneOf(hello, { ...NUMBERED_PUT, id: 2, n: 1 }, { ...NUMBERED_PUT, id: 3, n: 2 }),
    2,
  );
});

Deno.test("a client that resumes its session while its earlier frames wait goes on alone", async () => {
  await using host = await testServer(inMemory());
  const manual = new ManualTurns();
  const session = "0123456789abcdef0123";
  using before = new ManualPeer(host, { turn: manual.turns.join() });
  await before.request({ action: "hello", id: 1, session, try: 1 });
  const other = manual.turns.join();
  other.begin();
  manual.spend(20);
  other.charge(20);
  before.sendFrame({ ...NUMBERED_PUT, id: 2, n: 1 });
  await turns(3);
  assert(manual.awaited);
  const ended = before.connection.end();
  using after = new ManualPeer(host);
  await after.request({ action: "hello", id: 1, session, try: 2 });
  await ended;
  assertEquals([before.connection.closed, host.queue.counts.stored], [true, 0]);
  const { dup } = await after.request({ ...NUMBERED_PUT, id: 2, n: 1 });
  assertEquals([dup, host.queue.counts.stored], [undefined, 1]);
});
