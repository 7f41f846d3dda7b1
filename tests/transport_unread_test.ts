/**
 * What all peers have yet to read: those who are sent much wait for each other.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Budget } from "../budgets/budget.ts";
import { Turns } from "../budgets/turns.ts";
import { Leave } from "../door/leave.ts";
import type { Host } from "../queue/host.ts";
import { serve } from "../server.ts";
import { connect } from "../client.ts";
import { Line } from "../transports/line.ts";
import type { Peer } from "../transports/transport.ts";
import { Pace } from "../transports/pace.ts";
import { Unread } from "../transports/unread.ts";
import { Watch } from "../transports/watch.ts";
import { hostOf, inMemory, store, turns } from "./support/bridge.ts";
import { ManualClock } from "./support/manual_clock.ts";
import { ManualPeer } from "./support/manual_peer.ts";
import { soon } from "./support/soon.ts";

const MIB = 1024 * 1024;

Deno.test("what is small is sent whatever others have to read", () => {
  const unread = new Unread(new Budget({ own: 1000, shared: 10_000 }));
  const slow = unread.open("10.0.0.1", () => 1e9);
  slow.sent();
  const other = unread.open("10.0.0.1", () => 0);
  assertEquals([other.hasRoom(1000), other.hasRoom(1001)], [true, false]);
  unread.stop();
});

Deno.test("who comes from elsewhere has room beside one who reads nothing", () => {
  const unread = new Unread(new Budget({ own: 0, shared: 100_000 }));
  unread.open("10.0.0.1", () => 60_000).sent();
  assert(!unread.open("10.0.0.1", () => 0).hasRoom(5000));
  assert(unread.open("10.0.0.2", () => 0).hasRoom(5000));
  unread.stop();
});

Deno.test("who waits for room has it once another has read, or is gone", async () => {
  const unread = new Unread(new Budget({ own: 0, shared: 100_000 }));
  let left = 60_000;
  const slow = unread.open("10.0.0.1", () => left);
  slow.sent();
  const [first, second] = [unread.open("10.0.0.1", () => 0), unread.open("10.0.0.1", () => 0)];
  let came = 0;
  const waits = [first, second].map((share) => share.room(30_000).then(() => came++));
  await new Promise((resolve) => setTimeout(resolve, 30));
  assertEquals(came, 0);
  left = 0;
  await soon(waits[0]!);
  // The first has leave for it, and what it has not sent yet is no room for others.
  assert(first.hasRoom(30_000));
  first.close();
  await soon(waits[1]!);
  slow.close();
  second.close();
  unread.stop();
});

Deno.test("at once only so much begins to leave, and all of it does in the end", async () => {
  const unread = new Unread(new Budget({ own: 0, shared: 1000 * MIB }));
  const shares = Array.from({ length: 100 }, (_, i) => unread.open(`10.0.0.${i}`, () => 0));
  const now = shares.filter((share) => share.hasRoom(MIB));
  assert(now.length < 10, `${now.length} MiB began to leave at once`);
  await soon(Promise.all(shares.map((share) => share.room(MIB))));
  unread.stop();
});

Deno.test("before more begins to leave the network is looked at, however long it took to hand over", async () => {
  let looked = Promise.withResolvers<() => void>();
  const unread = new Unread(
    new Budget({ own: 0, shared: 1000 * MIB }),
    (callback) => looked.resolve(callback),
  );
  const shares = Array.from({ length: 100 }, (_, i) => unread.open(`10.0.0.${i}`, () => 0));
  let left = 0;
  const most = shares.filter((share) => share.hasRoom(MIB)).length;
  const rooms = shares.map((share) => share.room(MIB).then(() => left++));
  for (let looks = 1; looks <= 5; looks++) {
    const look = await soon(looked.promise);
    await new Promise((resolve) => setTimeout(resolve, 15));
    assert(left <= most * (looks - 1), `${left} began to leave, with ${looks - 1} looks`);
    looked = Promise.withResolvers();
    look();
  }
  assert(left > 0);
  unread.stop();
  await Promise.all(rooms);
});

Deno.test("a message that is larger than all the room there is goes alone", () => {
  const unread = new Unread(new Budget({ own: 0, shared: 1000 }));
  const share = unread.open("10.0.0.1", () => 5000);
  assert(share.hasRoom(5000));
  share.sent();
  assert(!unread.open("10.0.0.2", () => 0).hasRoom(5000));
  unread.stop();
});

/** A line to a peer that reads nothing. */
class UnreadLine extends Line {
  #sent = 0;
  dropped = false;

  constructor(shared: ConstructorParameters<typeof Line>[1]) {
    super((_: Peer) => ({ receive() {}, closed() {} }), shared, "10.0.0.1");
    this.opened();
  }

  protected override measure = () => this.#sent;
  protected override transmit(frame: string): void {
    this.#sent += frame.length;
  }
  protected override sayGoodbye(): void {}
  protected override stopReading(): void {}
  protected override hangUp(): void {
    this.dropped = true;
  }
}

/** What lines share, with room for so many bytes, and a clock that moves by hand. */
function sharedBy(clock: ManualClock, room: number) {
  const unread = new Unread(new Budget({ own: 0, shared: room }));
  const after = (ms: number, callback: () => void) => clock.after(ms, callback);
  const house = {
    http: () => new Response(),
    admit: () => Promise.reject(new Error("nobody comes")),
    ...{ failed() {}, gaveUp() {}, refused() {}, tell() {} },
  };
  const watch = new Watch({ patience: 8000, after });
  return { house, watch, unread, turns: new Turns(), hangUps: new Pace() };
}

Deno.test("who has a token has room beside another one that reads nothing, also from the same address", () => {
  const shared = sharedBy(new ManualClock(), 200_000);
  const [slow, good, stranger] = [0, 1, 2].map(() => new UnreadLine(shared)) as [
    UnreadLine,
    UnreadLine,
    UnreadLine,
  ];
  slow.belongsTo("weak");
  good.belongsTo("good");
  slow.send("x".repeat(120_000));
  assert(good.hasRoom(20_000));
  assert(stranger.hasRoom(20_000));
  stranger.belongsTo("weak");
  assert(!stranger.hasRoom(20_000));
  shared.unread.stop();
});

Deno.test("a session tells its connection whose token it came with", async () => {
  const clock = new ManualClock();
  await using host = await hostOf(inMemory(clock), clock);
  using peer = new ManualPeer(host, { leave: new Leave("one", {}) });
  assertEquals(peer.holder, "one");
  peer.session.leave = new Leave("another", {});
  assertEquals(peer.holder, "another");
});

/** A peer that there is little room for, until there is more. */
class NarrowPeer extends ManualPeer {
  readonly asked: number[] = [];
  readonly #more = Promise.withResolvers<void>();
  #room: number;

  constructor(host: Host, room: number) {
    super(host);
    this.#room = room;
  }

  hasRoom(bytes: number): boolean {
    return bytes <= this.#room;
  }

  room(bytes: number): Promise<void> {
    this.asked.push(bytes);
    return this.#more.promise;
  }

  widen(room: number): void {
    this.#room = room;
    this.#more.resolve();
  }
}

for (const action of ["get", "get_latest"]) {
  Deno.test(`a single ${action} of a large message waits for room like all others`, async () => {
    const clock = new ManualClock();
    await using host = await hostOf(inMemory(clock), clock);
    await store(host, "t", "x".repeat(1000));
    using peer = new NarrowPeer(host, 0);
    const answer = peer.ask({ action, id: 1, topic: "t" });
    await turns(5);
    assertEquals([peer.received, peer.asked], [[], [1002]]);
    peer.widen(2000);
    assertEquals((await answer).message.length, 1000);
  });
}

Deno.test("thousands that are given up at once are hung up on a few at a time, and are gone at once", async () => {
  const clock = new ManualClock();
  const shared = sharedBy(clock, 1e9);
  let hungUp = 0;
  const lines = Array.from({ length: 1000 }, () => {
    const line = new class extends UnreadLine {
      protected override hangUp() {
        super.hangUp();
        hungUp++;
      }
    }(shared);
    line.send("x".repeat(100_000));
    return line;
  });
  for (let i = 0; i < 10; i++) clock.advance(1000);
  assert(hungUp <= 16, `${hungUp} at once`);
  assertEquals(lines.filter(({ buffered }) => buffered > 0).length, 0);
  let most = 0;
  for (let before = hungUp; hungUp < lines.length; before = hungUp) {
    await new Promise((resolve) => setImmediate(resolve));
    most = Math.max(most, hungUp - before);
  }
  assert(most <= 16, `${most} at once`);
  shared.unread.stop();
});

Deno.test("a list of topics waits for room like large messages, and is as it is then", async () => {
  const clock = new ManualClock();
  await using host = await hostOf(inMemory(clock), clock);
  await store(host, "a".repeat(200), "");
  using peer = new NarrowPeer(host, 100);
  const answer = peer.ask({ action: "topics", id: 1 });
  await turns(5);
  assertEquals([peer.received, peer.asked.length, peer.asked[0]! > 200], [[], 1, true]);
  await store(host, "b", "");
  peer.widen(1000);
  const { topics } = await answer;
  assertEquals(topics.map(({ topic }: { topic: string }) => topic), ["a".repeat(200), "b"]);
});

for (const room of [2_000_000, 200_000]) {
  const scarce = room === 200_000;
  const when = scarce ? "in eight seconds where its holder may have no more" : "only after long";
  Deno.test(`a peer of dsmq 1.x that reads nothing is given up ${when}`, () => {
    const clock = new ManualClock();
    const shared = sharedBy(clock, room);
    const line = new UnreadLine(shared);
    line.cannotTell();
    line.send("x".repeat(150_000));
    for (let i = 0; i < 10; i++) clock.advance(1000);
    assertEquals(line.dropped, scarce);
    for (let i = 0; i < 200; i++) clock.advance(1000);
    assert(line.dropped);
    shared.unread.stop();
  });
}

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`${transport}: large messages reach every reader, in order, where there is room for few at a time`, async () => {
    const log = { info() {}, warn() {}, error: console.error };
    const limits = { totalUnreadBytes: 4 * MIB };
    await using server = await serve({ port: 0, transport, limits, log });
    const stop = new AbortController();
    const readers = await Promise.all(Array.from({ length: 12 }, () => connect(server.url)));
    const seen = readers.map(async (mq, i) => {
      const got: string[] = [];
      if (i % 3 === 2) {
        while (got.length < 6) {
          got.push((await mq.getWait("large", { timeout: 20_000 })).slice(0, 1));
        }
        return got;
      }
      if (i % 3 === 1) {
        while (got.length < 6) {
          const text = await mq.get("large");
          if (text !== "") got.push(text.slice(0, 1));
          else await new Promise((resolve) => setTimeout(resolve, 10));
        }
        return got;
      }
      for await (const { body } of mq.subscribe("large", { signal: stop.signal })) {
        if (got.push(body.slice(0, 1)) === 6) break;
      }
      return got;
    });
    await using writer = await connect(server.url);
    for (let i = 0; i < 6; i++) await writer.put("large", `${i}`.repeat(900_000));
    const all = await soon(Promise.all(seen), 30_000);
    for (const got of all) assertEquals(got, ["0", "1", "2", "3", "4", "5"]);
    stop.abort();
    for (const mq of readers) await mq.close();
  });
}

Deno.test("where much waits to be read, who has more than each may have is told to read first, until others have read", async () => {
  const unread = new Unread(new Budget({ own: 1000, shared: 100_000 }));
  let left = 60_000;
  const slow = unread.open("10.0.0.1", () => left);
  const other = unread.open("10.0.0.1", () => 2000);
  assertEquals(other.isScarceFor(2000), false);
  slow.sent();
  assertEquals([other.isScarceFor(1000), other.isScarceFor(1001)], [false, true]);
  left = 0;
  await new Promise((resolve) => setTimeout(resolve, 30));
  assertEquals(other.isScarceFor(1001), false);
  unread.stop();
});
