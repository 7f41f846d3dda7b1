/**
 * Waiting that fails instead of hanging.
 *
 * @module
 */

/** Waits for what must happen by itself; rejects if it does not happen in time (ms). */
export async function withTimeout<T>(work: Promise<T>, ms = 20_000): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Nothing came within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
