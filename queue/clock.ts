/**
 * Time, as the queue sees it: injected, so that a test owns it.
 *
 * @module
 */

/** Tells the time and waits. */
export interface Clock {
  /** The time in milliseconds since 1970. */
  now(): number;
  /** Calls back once, after so many milliseconds; returns how to call it off. */
  after(ms: number, callback: () => void): () => void;
}

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};
