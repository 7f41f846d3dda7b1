/**
 * Measures calls, one at a time or many in flight.
 *
 * @module
 */

/** A call to measure; it receives the number of the call, from 0. */
export type MeasuredCall = (i: number) => Promise<unknown>;

/**
 * Makes calls one after another.
 *
 * @param count how many calls
 * @param call the call
 * @returns how long each took, in milliseconds
 */
export async function timeSequentially(count: number, call: MeasuredCall): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const begin = performance.now();
    await call(i);
    times.push(performance.now() - begin);
  }
  return times;
}

/**
 * Makes calls with a window of them in flight: each that ends makes room for the next.
 *
 * @param count how many calls in total
 * @param window how many at a time
 * @param call the call
 * @returns calls a second; rejects as soon as a call rejects
 */
export async function measureRate(
  count: number,
  window: number,
  call: MeasuredCall,
): Promise<number> {
  let next = 0;
  const worker = async () => {
    while (next < count) await call(next++);
  };
  const begin = performance.now();
  await Promise.all(Array.from({ length: Math.min(window, count) }, worker));
  return count / (performance.now() - begin) * 1000;
}
