/**
 * Tests in virtual time: what takes seconds takes no time, and the same in every run.
 *
 * @module
 */

import { VirtualTime } from "./fuzz_time.ts";

/** No test lasts longer than this, in milliseconds of its own time. */
const TIMEOUT = 600_000;

/** Does something while timers and clocks of the whole process use a virtual time, which passes by itself. */
export async function inVirtualTime(work: (time: VirtualTime) => Promise<void>): Promise<void> {
  using time = new VirtualTime(1);
  await time.of(work(time), "the test", TIMEOUT);
}

/** Lets virtual time pass (ms). */
export const pass = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

/** How long something takes in virtual time, in seconds. */
export async function secondsOf(work: Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work;
  return Math.round((performance.now() - began) / 1000);
}
