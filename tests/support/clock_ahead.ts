/**
 * A process whose monotonic clock has moved on: what was long ago for it, a test need not wait for.
 *
 * @module
 */

/** Sets `performance.now` ahead by this many milliseconds, until this is disposed of. Timers do not change. */
export function clockAhead(ms: number): Disposable {
  const { now } = performance;
  performance.now = () => now.call(performance) + ms;
  return { [Symbol.dispose]: () => void (performance.now = now) };
}
