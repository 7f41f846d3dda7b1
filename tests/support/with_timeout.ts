/**
 * Waiting that fails instead of hanging.
 *
 * @module
 */

/** Waits for what must come without anybody's further doing; rejects if it has not come in time (ms). */
export async function withTimeout<T>(work: Promise<T>, ms = 5000): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`It has not come within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
