/**
 * The unread data of all peers: peers with much of it wait for each other.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Budget } from "../../budgets/budget.ts";
import { Turns } from "../../budgets/turns.ts";
import { Permissions } from "../../auth/permissions.ts";
import { BasePeer } from "../../transports/base_peer.ts";
import type { Peer } from "../../transports/peer.ts";
import { Pacer } from "../../transports/pacer.ts";
import { UnreadLimiter } from "../../transports/unread_limiter.ts";
import { SlowPeerMonitor } from "../../transports/slow_peer_monitor.ts";
import { inMemory, testServer } from "../support/bridge.ts";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { ManualPeer } from "../support/manual_peer.ts";
import { withTimeout } from "../support/with_timeout.ts";

const MIB = 1024 * 1024;

Deno.test("small frames are sent whatever others have to read", () => {
  const unread = new UnreadLimiter(new Budget({ own: 1000, shared: 10_000 }));
  const slow = unread.open("10.0.0.1", () => 1e9);
  slow.onSent();
  const other = unread.open("10.0.0.1", () => 0);
  assertEquals([other.hasRoom(1000), other.hasRoom(1001)], [true, false]);
  unread.stop();
});

Deno.test("a peer from another address has room beside one that reads nothing", () => {
  const unread = new UnreadLimiter(new Budget({ own: 0, shared: 100_000 }));
  unread.open("10.0.0.1", () => 60_000).onSent();
  assert(!unread.open("10.0.0.1", () => 0).hasRoom(5000));
  assert(unread.open("10.0.0.2", () => 0).hasRoom(5000));
  unread.stop();
});

Deno.test("a waiting peer gets room once another has read, or is gone", () =>
  inVirtualTime(async () => {
    const unread = new UnreadLimiter(new Budget({ own: 0, shared: 100_000 }));
    let remaining = 60_000;
    const slow = unread.open("10.0.0.1", () => remaining);
    slow.onSent();
    const [first, second] = [unread.open("10.0.0.1", () => 0), unread.open("10.0.0.1", () => 0)];
    let served = 0;
    const waits = [first, second].map((client) => client.waitForRoom(30_000).then(() => served++));
    await pass(30);
    assertEquals(served, 0);
    remaining = 0;
    await withTimeout(waits[0]!);
    // The first has been granted room, and what it has not sent yet is not free for others.
    assert(first.hasRoom(30_000));
    first.close();
    await withTimeout(waits[1]!);
    slow.close();
    second.close();
    unread.stop();
  }));

Deno.test("only a part is sent at once, and everything in the end", async () => {
  const unread = new UnreadLimiter(new Budget({ own: 0, shared: 1000 * MIB }));
  const clients = Array.from({ length: 100 }, (_, i) => unread.open(`10.0.0.${i}`, () => 0));
  const now = clients.filter((client) => client.hasRoom(MIB));
  assert(now.length < 10, `${now.length} MiB were sent at once`);
  await withTimeout(Promise.all(clients.map((client) => client.waitForRoom(MIB))));
  unread.stop();
});

Deno.test("before more is sent the event loop turns, however long the sending took", () =>
  inVirtualTime(async () => {
    let turn = Promise.withResolvers<() => void>();
    const unread = new UnreadLimiter(
      new Budget({ own: 0, shared: 1000 * MIB }),
      (callback) => turn.resolve(callback),
    );
    const clients = Array.from({ length: 100 }, (_, i) => unread.open(`10.0.0.${i}`, () => 0));
    let remaining = 0;
    const max = clients.filter((client) => client.hasRoom(MIB)).length;
    const waits = clients.map((client) => client.waitForRoom(MIB).then(() => remaining++));
    for (let rounds = 1; rounds <= 5; rounds++) {
      const afterLook = await withTimeout(turn.promise);
      await pass(15);
      assert(
        remaining <= max * (rounds - 1),
        `${remaining} were sent, in ${rounds - 1} turns`,
      );
      turn = Promise.withResolvers();
      afterLook();
    }
    assert(remaining > 0);
    unread.stop();
    await Promise.all(waits);
  }));

Deno.test("a message that is larger than all the room is sent alone", () => {
  const unread = new UnreadLimiter(new Budget({ own: 0, shared: 1000 }));
  const client = unread.open("10.0.0.1", () => 5000);
  assert(client.hasRoom(5000));
  client.onSent();
  assert(!unread.open("10.0.0.2", () => 0).hasRoom(5000));
  unread.stop();
});

/** A peer that reads nothing. */
class UnreadPeer extends BasePeer {
  #sent = 0;
  dropped = false;

  constructor(shared: ConstructorParameters<typeof BasePeer>[1]) {
    super((_: Peer) => ({ receive() {}, end() {} }), shared, "10.0.0.1");
    this.onOpen();
  }

  protected override measureUnread = () => this.#sent;
  protected override transmit(frame: string): void {
    this.#sent += frame.length;
  }
  protected override sendClose(): void {}
  protected override stopReading(): void {}
  protected override terminate(): void {
    this.dropped = true;
  }
}

/** What peers share, with room for this many bytes, and a manual clock. */
function sharedBy(clock: ManualClock, capacity: number) {
  const unread = new UnreadLimiter(new Budget({ own: 0, shared: capacity }));
  const after = (ms: number, callback: () => void) => clock.after(ms, callback);
  const handler = {
    http: () => new Response(),
    admit: () => Promise.reject(new Error("nobody comes")),
    ...{ onError() {}, onPeerDropped() {}, onRefused() {}, report() {} },
  };
  const slowPeers = new SlowPeerMonitor({ slowReaderTimeout: 8000, after });
  return { handler, slowPeers, unread, turns: new Turns(), terminatePacer: new Pacer() };
}

Deno.test("a peer with a token has room beside another that reads nothing, even at the same address", () => {
  const shared = sharedBy(new ManualClock(), 200_000);
  const [slow, good, attacker] = [0, 1, 2].map(() => new UnreadPeer(shared)) as [
    UnreadPeer,
    UnreadPeer,
    UnreadPeer,
  ];
  slow.assignTo("weak");
  good.assignTo("good");
  slow.send("x".repeat(120_000));
  assert(good.hasRoom(20_000));
  assert(attacker.hasRoom(20_000));
  attacker.assignTo("weak");
  assert(!attacker.hasRoom(20_000));
  shared.unread.stop();
});

Deno.test("a connection tells its peer the identity of its token", async () => {
  const clock = new ManualClock();
  await using host = await testServer(inMemory(clock), clock);
  using peer = new ManualPeer(host, { permissions: new Permissions("one", {}) });
  assertEquals(peer.holder, "one");
  peer.connection.permissions = new Permissions("another", {});
  assertEquals(peer.holder, "another");
});

Deno.test("thousands of peers that are dropped at once are disconnected a few at a time, and count as gone at once", async () => {
  const clock = new ManualClock();
  const shared = sharedBy(clock, 1e9);
  let disconnected = 0;
  const peers = Array.from({ length: 1000 }, () => {
    const peer = new class extends UnreadPeer {
      protected override terminate() {
        super.terminate();
        disconnected++;
      }
    }(shared);
    peer.send("x".repeat(100_000));
    return peer;
  });
  for (let i = 0; i < 10; i++) clock.advance(1000);
  assert(disconnected <= 16, `${disconnected} at once`);
  assertEquals(peers.filter(({ buffered }) => buffered > 0).length, 0);
  let max = 0;
  for (let before = disconnected; disconnected < peers.length; before = disconnected) {
    await new Promise((resolve) => setImmediate(resolve));
    max = Math.max(max, disconnected - before);
  }
  assert(max <= 16, `${max} at once`);
  shared.unread.stop();
});

for (const room of [2_000_000, 200_000]) {
  const scarce = room === 200_000;
  const when = scarce
    ? "after eight seconds if its owner may have no more"
    : "only after a long time";
  Deno.test(`a peer of dsmq 1.x that reads nothing is dropped ${when}`, () => {
    const clock = new ManualClock();
    const shared = sharedBy(clock, room);
    const peer = new UnreadPeer(shared);
    peer.cannotConfirmReads();
    peer.send("x".repeat(150_000));
    for (let i = 0; i < 10; i++) clock.advance(1000);
    assertEquals(peer.dropped, scarce);
    for (let i = 0; i < 200; i++) clock.advance(1000);
    assert(peer.dropped);
    shared.unread.stop();
  });
}
