/**
 * Waiting, for programs that watch another process: its time is not theirs to set.
 *
 * @module
 */

/** Waits for so many milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until something holds, at most so many milliseconds; whether it does. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  ms: number,
  every = 20,
): Promise<boolean> {
  const end = performance.now() + ms;
  while (!await condition()) {
    if (performance.now() >= end) return false;
    await sleep(every);
  }
  return true;
}
