/**
 * Time without sleep: a stopped process, a machine that slept, and a wall clock that jumps cause no timeout.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { AwakeClock } from "../../client/awake_clock.ts";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";

Deno.test("an alarm goes off when its time has passed, and not before", () =>
  inVirtualTime(async () => {
    const time = new AwakeClock();
    const fired: number[] = [];
    for (const at of [2500, 0, 300, 1000]) time.setTimer(at, () => fired.push(at));
    await pass(299);
    assertEquals(fired, [0]);
    await pass(2200);
    assertEquals(fired, [0, 300, 1000]);
    await pass(2);
    assertEquals(fired, [0, 300, 1000, 2500]);
    assert(Math.abs(time.elapsed - 2501) < 1, `${time.elapsed}`);
  }));

Deno.test("time asleep counts for at most a second, and the rest is still waited for", () =>
  inVirtualTime(async (time) => {
    const awake = new AwakeClock();
    let fired = false;
    awake.setTimer(10_000, () => fired = true);
    await pass(4000);
    time.now += 300_000;
    await pass(1);
    assertEquals(fired, false);
    assert(awake.elapsed <= 5002, `${awake.elapsed}`);
    await pass(4990);
    assertEquals(fired, false);
    await pass(1010);
    assertEquals(fired, true);
  }));

Deno.test("a cancelled alarm never goes off, and leaves no timer behind", () =>
  inVirtualTime(async () => {
    const time = new AwakeClock();
    let fired = 0;
    const off = [100, 200].map((at) => time.setTimer(at, () => fired++));
    time.setTimer(50, () => off[0]!());
    await pass(60);
    off[1]!();
    off[1]!();
    await pass(1000);
    assertEquals(fired, 0);
  }));

Deno.test("an alarm set while others are pending, or after a pause without any, has its whole time", () =>
  inVirtualTime(async () => {
    const time = new AwakeClock();
    await pass(60_000);
    const begin = time.elapsed;
    assert(Math.abs(begin - 60_000) < 1, `${begin}`);
    const fired: number[] = [];
    time.setTimer(begin + 2000, () => fired.push(2000));
    await pass(500);
    time.setTimer(time.elapsed + 700, () => {
      fired.push(700);
      time.setTimer(time.elapsed + 100, () => fired.push(100));
    });
    await pass(690);
    assertEquals(fired, []);
    await pass(120);
    assertEquals(fired, [700, 100]);
    await pass(700);
    assertEquals(fired, [700, 100, 2000]);
  }));

Deno.test("a wall clock that jumps changes nothing", () =>
  inVirtualTime(async () => {
    const { now } = Date;
    try {
      const time = new AwakeClock();
      let fired = false;
      time.setTimer(3000, () => fired = true);
      for (const jump of [660_000, -660_000]) {
        Date.now = () => now() + jump;
        await pass(1400);
        assertEquals(fired, false);
      }
      await pass(300);
      assertEquals(fired, true);
    } finally {
      Date.now = now;
    }
  }));

Deno.test("while an alarm without an end is set, sleep does not count either", () =>
  inVirtualTime(async (time) => {
    const awake = new AwakeClock();
    const off = awake.setTimer(Infinity, () => {});
    for (const at of [3000, 8000]) {
      await pass(4000);
      time.now += 100_000;
      await pass(1);
      assert(awake.elapsed > at && awake.elapsed <= at + 4000, `${awake.elapsed}`);
    }
    off();
  }));
