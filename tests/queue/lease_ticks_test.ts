/**
 * The store hears of the time as often as leases and delayed jobs need it, and not more often.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { LeaseTicks } from "../../queue/lease_ticks.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { turns } from "../support/bridge.ts";

/** A queue that counts what is applied. */
function scene({ isAwaited = true } = {}) {
  const clock = new ManualClock();
  const state = { holdsJobs: false, nextDue: undefined as number | undefined, isAwaited };
  const ticks: number[] = [];
  const polls: (() => void)[] = [];
  const hooks = { onTick: () => {} };
  const began = clock.now();
  const queue = {
    clock,
    get store() {
      return { now: () => clock.now(), ...state };
    },
    apply: () => {
      ticks.push(clock.now() - began);
      hooks.onTick();
      return Promise.resolve();
    },
  };
  const leaseTicks = new LeaseTicks(
    queue,
    () => state.isAwaited,
    (callback) => polls.push(callback),
  );
  const advance = async (ms: number, step = 100) => {
    for (let passed = 0; passed < ms; passed += step) {
      clock.advance(Math.min(step, ms - passed));
      await turns(1);
    }
  };
  return { clock, state, ticks, polls, leaseTicks, advance, began, hooks };
}

Deno.test("while somebody holds a lease the store hears of the time each half second, and then no more", async () => {
  const { state, ticks, leaseTicks, advance } = scene();
  leaseTicks.update();
  await advance(2000);
  assertEquals(ticks, []);
  state.holdsJobs = true;
  leaseTicks.update();
  leaseTicks.update();
  await advance(1600);
  assertEquals(ticks, [2500, 3000, 3500]);
  state.holdsJobs = false;
  await advance(5000);
  assertEquals(ticks, [2500, 3000, 3500, 4000]);
});

Deno.test("the store hears of the time when a delayed job comes due, if somebody waits for it", async () => {
  for (const isAwaited of [true, false]) {
    const { state, ticks, leaseTicks, advance, began } = scene({ isAwaited });
    state.nextDue = began + 700;
    leaseTicks.update();
    await advance(600);
    // An earlier one comes first.
    state.nextDue = began + 650;
    leaseTicks.update();
    const before = ticks.length;
    state.nextDue = undefined;
    await advance(100, 50);
    assertEquals([before, ticks], [0, isAwaited ? [650] : []]);
  }
});

Deno.test("a job that comes due long before the next tick of a lease, or long after it, is not late", async () => {
  const { state, ticks, leaseTicks, advance, began } = scene();
  state.holdsJobs = true;
  state.nextDue = began + 3600_000;
  leaseTicks.update();
  await advance(600);
  assertEquals(ticks, [500]);
  state.nextDue = began + 620;
  leaseTicks.update();
  await advance(20, 20);
  assertEquals(ticks, [500, 620]);
});

Deno.test("a store in which nothing comes due, because it fails, is not asked without end", async () => {
  const { state, ticks, leaseTicks, advance, began } = scene();
  state.nextDue = began + 100;
  leaseTicks.update();
  await advance(1200);
  assertEquals(ticks, [100, 600, 1100]);
  // It can again.
  state.nextDue = began + 1650;
  await advance(600, 50);
  assertEquals(ticks, [100, 600, 1100, 1600, 1650]);
});

Deno.test("a job that comes due in more time than a timer can hold is no tick without end", async () => {
  const { clock, state, ticks, leaseTicks, advance, began } = scene();
  const timers: number[] = [];
  const { after } = ManualClock.prototype;
  clock.after = (ms, callback) => (timers.push(ms), after.call(clock, ms, callback));
  state.nextDue = began + 30 * 24 * 3600_000;
  leaseTicks.update();
  await advance(10_000, 1000);
  assertEquals([ticks, timers], [[], [2 ** 31 - 1]]);
});

Deno.test("after a pause of the process what has arrived comes before the tick, and ticks do not follow each other", async () => {
  const { clock, state, ticks, polls, leaseTicks, advance } = scene();
  state.holdsJobs = true;
  leaseTicks.update();
  // Its timer fires late.
  clock.set(clock.now() + 60_000);
  clock.advance(0);
  await turns(1);
  assertEquals([ticks, polls.length], [[], 1]);
  // What comes meanwhile makes no tick of its own.
  leaseTicks.update();
  polls[0]!();
  await turns(1);
  assertEquals(ticks, [60_000]);
  await advance(400);
  assertEquals(ticks, [60_000]);
  await advance(100);
  assertEquals(ticks, [60_000, 60_500]);
});

Deno.test("a tick that fails, or takes long, is followed by the next one", async () => {
  const { state, ticks, leaseTicks, advance, hooks } = scene();
  state.holdsJobs = true;
  hooks.onTick = () => {
    throw new Error("the store fails");
  };
  leaseTicks.update();
  await advance(1100);
  assertEquals(ticks, [500, 1000]);
});

Deno.test("once it is stopped there are no ticks", async () => {
  const { state, ticks, leaseTicks, advance } = scene();
  state.holdsJobs = true;
  leaseTicks.update();
  leaseTicks.stop();
  leaseTicks.update();
  await advance(2000);
  assertEquals(ticks, []);
});
