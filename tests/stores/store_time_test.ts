/**
 * The time of a store, and the monotonic time of the machine's clock.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../queue/clock.ts";
import { StoreTime } from "../../stores/store_time.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

Deno.test("a store's time starts at the wall clock, and advances by the time that passes", () => {
  const clock = new ManualClock(1000.5);
  const time = new StoreTime(clock);
  assertEquals(time.now(), 1000);
  clock.advance(10.75);
  clock.jump(5000);
  assertEquals(time.now(), 1010);
  clock.advance(0.25);
  clock.jump(-50_000);
  assertEquals(time.now(), 1011);
});

Deno.test("without a monotonic clock, time advances with the wall clock, and never goes back", () => {
  let now = 1000;
  const time = new StoreTime({ now: () => now });
  for (const [set, expected] of [[1010, 1010], [500, 1010], [1009, 1010], [1012, 1012]] as const) {
    now = set;
    assertEquals(time.now(), expected);
  }
});

Deno.test("a store's time continues from an earlier one, and never goes back to it", () => {
  const clock = new ManualClock(1000);
  const time = new StoreTime(clock);
  time.resumeFrom(900);
  assertEquals(time.now(), 1000);
  time.resumeFrom(5000);
  assertEquals(time.now(), 5000);
  clock.advance(3);
  assertEquals(time.now(), 5003);
});

Deno.test("commands have the time that they come with, but never one before that of earlier commands, whatever the clock says", () => {
  const clock = new ManualClock(1000);
  const time = new StoreTime(clock);
  assertEquals([time.apply(400), time.apply(500.5), time.apply(450)], [400, 500, 500]);
  assertEquals([time.now(), time.apply(600), time.applied], [1000, 600, 600]);
  assertEquals([time.apply(2000), time.now()], [2000, 2000]);
  clock.advance(999);
  assertEquals([time.now(), time.apply(1), time.applied], [2000, 2000, 2000]);
  clock.advance(2);
  assertEquals([time.now(), time.applied], [2001, 2000]);
});

Deno.test("the machine's monotonic time stays within a millisecond of the real one, whatever the wall clock does", () => {
  const { now } = Date;
  try {
    // A clock that runs, one that stands still, and one that is set back all the time.
    for (const wall of [now, () => 7, () => 1e12 - now()]) {
      Date.now = wall;
      let last = 0;
      for (let i = 0; i < 10_000; i++) {
        const time = systemClock.monotonic!();
        assert(time >= last && time <= performance.now());
        last = time;
      }
      for (let looks = 0; looks < 100; looks++) last = systemClock.monotonic!();
      const real = performance.now();
      while (performance.now() < real + 2);
      for (let looks = 0; looks < 64; looks++) last = systemClock.monotonic!();
      assert(last >= real, "it is read now and then, even if the wall clock stands still");
    }
  } finally {
    Date.now = now;
  }
});

Deno.test("the time of commands that failed does not hold for later ones, and the present time does not go back", () => {
  const time = new StoreTime(new ManualClock(1000));
  time.apply(1200);
  const undo = time.savepoint();
  assertEquals([time.at(1500), time.applied, time.apply(2000)], [1500, 1200, 2000]);
  undo();
  assertEquals([time.now(), time.applied, time.at(1100), time.apply(1300)], [
    2000,
    1200,
    1200,
    1300,
  ]);
});
