/**
 * Waiting, for programs that watch another process, whose clock they cannot set.
 *
 * @module
 */

/** Waits for this many milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until a condition holds, at most this many milliseconds; returns whether it does. */
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
