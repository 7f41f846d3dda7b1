/**
 * Timeouts of waits, and the cleanup after peers that have gone.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Clock } from "../../queue/clock.ts";
import { BackgroundTasks } from "../../queue/background_tasks.ts";
import { type HeapTimer, TimerHeap } from "../../queue/timer_heap.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { until } from "../support/bridge.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { ManualPeer } from "../support/manual_peer.ts";
import { openContext } from "../support/memory_peer.ts";
import { seeded } from "../../testing/seeded.ts";

/** Counts how often a timer is set. */
class CountingClock extends ManualClock {
  timers = 0;
  override after(ms: number, callback: () => void): () => void {
    this.timers++;
    return super.after(ms, callback);
  }
}

class Ending implements HeapTimer {
  [key: string]: unknown;
  due = 0;
  index = -1;
  endedAt: number | undefined;
  readonly clock: Clock;
  constructor(clock: Clock) {
    this.clock = clock;
  }
  onTimeout(): void {
    this.endedAt = this.clock.now();
  }
}

Deno.test("each timeout fires in time, in any mix of adding and cancelling", () => {
  const clock = new ManualClock();
  const deadlines = new TimerHeap(clock);
  const random = seeded(3);
  const open = new Map<Ending, number>();
  const called: Ending[] = [];
  for (let step = 0; step < 20_000; step++) {
    const ending = new Ending(clock);
    const ms = random(2000);
    deadlines.add(ending, ms);
    open.set(ending, clock.now() + ms);
    if (random(3) === 0) {
      const one = [...open.keys()][random(open.size)]!;
      deadlines.remove(one);
      open.delete(one);
      called.push(one);
    }
    if (random(4) > 0) continue;
    clock.advance(random(20));
    for (const [one, at] of open) {
      if (one.endedAt === undefined) {
        assert(at > clock.now(), "no timeout is forgotten");
        continue;
      }
      assertEquals(one.endedAt, at);
      open.delete(one);
    }
    assertEquals(deadlines.size, open.size);
  }
  clock.advance(3000);
  for (const [one, at] of open) assertEquals(one.endedAt, at);
  for (const one of called) assertEquals(one.endedAt, undefined);
});

Deno.test("ten thousand waits with a timeout each need a handful of timers", async () => {
  const clock = new CountingClock();
  const store = new MemoryStore({ engine: nodeSqlite, retention: 600_000, clock });
  await using host = await openContext(store, clock);
  using peer = new ManualPeer(host);
  const ids = Array.from({ length: 10_000 }, (_, id) => id);
  peer.sendFrame(ids.map((id) => ({ action: "get_wait", id, topic: "t", timeout: 60_000 + id })));
  await until(() => host.queue.timers.size === 10_000);
  peer.sendFrame(ids.slice(0, 5000).map((wait) => ({ action: "cancel", wait })));
  await until(() => host.queue.timers.size === 5000);
  assert(clock.timers <= 3, `${clock.timers} timers`);
  clock.advance(70_000);
  await until(() => peer.received.length === 10_000);
  assertEquals(new Set(peer.received.map(({ id, body }) => `${id} ${body}`)).size, 10_000);
});

Deno.test("a wall clock that jumps ends no wait", async () => {
  const clock = new ManualClock();
  const store = new MemoryStore({ engine: nodeSqlite, retention: 600_000, clock });
  await using host = await openContext(store, clock);
  using peer = new ManualPeer(host);
  peer.sendFrame({ action: "get_wait", id: 1, topic: "t", timeout: 1000 });
  await until(() => host.queue.timers.size === 1);
  clock.jump(5000);
  clock.advance(999);
  await peer.request({ action: "heartbeat", id: 2 });
  assertEquals(peer.reply(1), undefined);
  clock.advance(1);
  await until(() => peer.reply(1) !== undefined);
});

Deno.test("a peer that has gone gets no more answers, and takes part in nothing", async () => {
  const clock = new ManualClock();
  const store = new MemoryStore({ engine: nodeSqlite, retention: 600_000, clock });
  await using host = await openContext(store, clock);
  using peer = new ManualPeer(host);
  const ids = Array.from({ length: 1000 }, (_, id) => id);
  peer.sendFrame(ids.map((id) => ({ action: "get_wait", id, topic: `t${id % 9}`, timeout: 1000 })));
  await until(() => host.queue.timers.size === 1000);
  peer.connection.end();
  using putter = new ManualPeer(host);
  for (let i = 0; i < 9; i++) {
    await putter.request({ action: "put", id: i + 1, topic: `t${i}`, body: "too late" });
  }
  clock.advance(2000);
  await until(() => host.queue.listenedTopics === 0 && host.queue.timers.size === 0);
  assertEquals([peer.received, host.queue.counts.delivered], [[], 0]);
});

Deno.test("a thousand peers that must go are all told why before they are closed", async () => {
  const clock = new ManualClock();
  const store = new MemoryStore({ engine: nodeSqlite, retention: 600_000, clock });
  await using host = await openContext(store, clock);
  using peer = new ManualPeer(host);
  const ids = Array.from({ length: 1000 }, (_, id) => id);
  peer.sendFrame(ids.map((id) => ({ action: "get_wait", id, topic: "t", timeout: 100_000 })));
  await until(() => host.queue.timers.size === 1000);
  peer.connection.rejectToken({ code: "unauthorized", message: "no more" });
  using putter = new ManualPeer(host);
  await putter.request({ action: "put", id: 1, topic: "t", body: "not for them" });
  await until(() => peer.closedWith !== undefined);
  assertEquals(peer.received.map(({ error }) => error.code), ids.map(() => "unauthorized"));
});

Deno.test("many background tasks run in slices, few at a time, and one that fails stops no other", async () => {
  const failures: unknown[] = [];
  const tasks = new BackgroundTasks((error) => failures.push(error));
  const done: number[] = [];
  const act = (i: number) => void (i === 500 ? assert(false, "a defect") : done.push(i));
  assertEquals(tasks.forEach([1, 2, 3], 3, act), undefined);
  assertEquals(done, [1, 2, 3]);
  const many = Array.from({ length: 1000 }, (_, i) => i);
  const all = tasks.forEach(many, many.length, act);
  assertEquals(done, [1, 2, 3]);
  await all;
  assertEquals([done.length, failures.length], [3 + 999, 1]);
  void tasks.forEach(many, many.length, act);
  tasks.stop();
  assertEquals(done.length, 3 + 2 * 999);
});

Deno.test("the feed does not call a stream without credit, and the stream misses nothing", async () => {
  const clock = new ManualClock();
  const store = new MemoryStore({ engine: nodeSqlite, retention: 600_000, clock });
  await using host = await openContext(store, clock);
  using peer = new ManualPeer(host);
  const ids = Array.from({ length: 1000 }, (_, i) => i + 1);
  const credit = { messages: 1, bytes: 100 };
  peer.sendFrame(ids.map((id) => ({ action: "subscribe", id, topic: "t", ...credit })));
  using putter = new ManualPeer(host);
  const put = (id: number) => putter.request({ action: "put", id, topic: "t", body: `${id}` });
  await peer.request({ action: "heartbeat", id: 9999 });
  for (const id of [1, 2, 3]) await put(id);
  // On a busy machine the feed calls a thousand listeners in several slices.
  await until(() => host.queue.listenedTopics === 0);
  assertEquals(peer.messages.length, 1000);
  peer.sendFrame({ action: "credit", sub: 7, messages: 4, bytes: 1000 });
  await until(() => peer.messages.length === 1002);
  assertEquals([peer.messages.slice(1000), host.queue.listenedTopics], [["2", "3"], 1]);
  await put(4);
  await until(() => peer.messages.length === 1003);
});

Deno.test("a thousand streams that are closed at once stream nothing more", async () => {
  const clock = new ManualClock();
  const store = new MemoryStore({ engine: nodeSqlite, retention: 600_000, clock });
  await using host = await openContext(store, clock);
  using peer = new ManualPeer(host);
  const ids = Array.from({ length: 1000 }, (_, i) => i + 1);
  peer.sendFrame(
    ids.map((id) => ({ action: "subscribe", id, topic: "t", messages: 9, bytes: 999 })),
  );
  await peer.request({ action: "heartbeat", id: 9999 });
  peer.connection.end();
  using putter = new ManualPeer(host);
  await putter.request({ action: "put", id: 1, topic: "t", body: "too late" });
  await until(() => host.queue.listenedTopics === 0);
  assertEquals([peer.messages, host.queue.counts.delivered], [[], 0]);
});

Deno.test("the longest wait fits a timer, whatever its fraction of a millisecond", () => {
  for (let i = 0; i < 1000; i++) {
    const delays: number[] = [];
    const clock = {
      now: () => 0,
      monotonic: () => 1000 * i + i / 7,
      after: (ms: number) => (delays.push(ms), () => {}),
    };
    new TimerHeap(clock).add({ due: 0, index: 0, onTimeout() {} }, 2 ** 31 - 1);
    assert(delays[0]! <= 2 ** 31 - 1, `${delays[0]} ms`);
  }
});
