/**
 * Deadlines: each is over in its time, with one timer for all.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Deadlines } from "../client/deadlines.ts";
import { virtually } from "./support/virtually.ts";

Deno.test("a deadline that has passed when it is added is over at once, and asks for no negative time", () =>
  virtually(async (time) => {
    // The runtime warns of one, on the standard error of whoever uses the client.
    const { setTimeout } = globalThis;
    const asked: (number | undefined)[] = [];
    globalThis.setTimeout = ((callback: () => void, ms?: number) => {
      asked.push(ms);
      return setTimeout(callback, ms);
    }) as typeof globalThis.setTimeout;
    const deadlines = new Deadlines();
    await time.pass(1000);
    const over: number[] = [];
    const end = deadlines.now - 5;
    const late = { end, over: (now: number) => (over.push(now - end), deadlines.delete(late)) };
    deadlines.add(late);
    await time.pass(1);
    deadlines.stop();
    globalThis.setTimeout = setTimeout;
    assertEquals(asked, [0]);
    assertEquals(over.map(Math.floor), [5]);
  }));

Deno.test("deadlines are over in the order of their times, whatever the order in which they were added", () =>
  virtually(async (time) => {
    const deadlines = new Deadlines();
    const over: number[] = [];
    for (const ms of [30, 10, 20, 10, 40]) {
      const one = { end: deadlines.now + ms, over: () => (over.push(ms), deadlines.delete(one)) };
      deadlines.add(one);
      if (ms === 40) deadlines.delete(one);
    }
    await time.pass(9);
    assertEquals(over, []);
    await time.pass(100);
    deadlines.stop();
    assertEquals(over, [10, 10, 20, 30]);
  }));

Deno.test("time asleep is no time of a wait: what was left of it when a machine fell asleep is left when it wakes", () =>
  virtually(async (time) => {
    const deadlines = new Deadlines();
    let over = 0;
    const one = { end: deadlines.now + 10_000, over: () => (over++, deadlines.delete(one)) };
    deadlines.add(one);
    const pass = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    await pass(4000);
    time.now += 300_000;
    await pass(4900);
    assertEquals(over, 0);
    await pass(1200);
    assertEquals(over, 1);
    deadlines.stop();
  }));
