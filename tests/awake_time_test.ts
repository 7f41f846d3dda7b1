/**
 * Time without sleep: a stopped process, a machine that slept, and a wall clock that jumps end nothing.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { AwakeTime } from "../client/awake_time.ts";
import { virtually } from "./support/virtually.ts";

const pass = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

Deno.test("an alarm goes off when its time has passed, and not before", () =>
  virtually(async () => {
    const time = new AwakeTime();
    const rung: number[] = [];
    for (const at of [2500, 0, 300, 1000]) time.alarm(at, () => rung.push(at));
    await pass(299);
    assertEquals(rung, [0]);
    await pass(2200);
    assertEquals(rung, [0, 300, 1000]);
    await pass(2);
    assertEquals(rung, [0, 300, 1000, 2500]);
    assert(Math.abs(time.passed - 2501) < 1, `${time.passed}`);
  }));

Deno.test("time asleep counts for no more than a second, and what was left is still waited for", () =>
  virtually(async (time) => {
    const awake = new AwakeTime();
    let rung = false;
    awake.alarm(10_000, () => rung = true);
    await pass(4000);
    time.now += 300_000;
    await pass(1);
    assertEquals(rung, false);
    assert(awake.passed <= 5002, `${awake.passed}`);
    await pass(4990);
    assertEquals(rung, false);
    await pass(1010);
    assertEquals(rung, true);
  }));

Deno.test("an alarm that was called off never goes off, and leaves no timer behind", () =>
  virtually(async () => {
    const time = new AwakeTime();
    let rung = 0;
    const off = [100, 200].map((at) => time.alarm(at, () => rung++));
    time.alarm(50, () => off[0]!());
    await pass(60);
    off[1]!();
    off[1]!();
    await pass(1000);
    assertEquals(rung, 0);
  }));

Deno.test("what is waited for while others wait, or after a pause in which nobody did, has its whole time", () =>
  virtually(async () => {
    const time = new AwakeTime();
    await pass(60_000);
    const begin = time.passed;
    assert(Math.abs(begin - 60_000) < 1, `${begin}`);
    const rung: number[] = [];
    time.alarm(begin + 2000, () => rung.push(2000));
    await pass(500);
    time.alarm(time.passed + 700, () => {
      rung.push(700);
      time.alarm(time.passed + 100, () => rung.push(100));
    });
    await pass(690);
    assertEquals(rung, []);
    await pass(120);
    assertEquals(rung, [700, 100]);
    await pass(700);
    assertEquals(rung, [700, 100, 2000]);
  }));

Deno.test("a wall clock that jumps changes nothing", () =>
  virtually(async () => {
    const { now } = Date;
    try {
      const time = new AwakeTime();
      let rung = false;
      time.alarm(3000, () => rung = true);
      for (const jump of [660_000, -660_000]) {
        Date.now = () => now() + jump;
        await pass(1400);
        assertEquals(rung, false);
      }
      await pass(300);
      assertEquals(rung, true);
    } finally {
      Date.now = now;
    }
  }));

Deno.test("while an alarm is set that never goes off, sleep does not count either", () =>
  virtually(async (time) => {
    const awake = new AwakeTime();
    const off = awake.alarm(Infinity, () => {});
    for (const at of [3000, 8000]) {
      await pass(4000);
      time.now += 100_000;
      await pass(1);
      assert(awake.passed > at && awake.passed <= at + 4000, `${awake.passed}`);
    }
    off();
  }));
