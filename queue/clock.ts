/**
 * Time, as the queue sees it: injected, so that a test owns it.
 *
 * @module
 */

/** Tells the time and waits. */
export interface Clock {
  /** The time in milliseconds since 1970: that of the wall clock, which may be set forward or back. */
  now(): number;
  /** Milliseconds since any moment, which nobody can set. Where a clock has none, `now` serves for it. */
  monotonic?(): number;
  /** Calls back once, after so many milliseconds; returns how to call it off. */
  after(ms: number, callback: () => void): () => void;
}

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};
