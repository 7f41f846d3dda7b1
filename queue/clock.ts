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

/** After so many looks at the wall clock the monotonic one is looked at, too, even if the first seems to stand still. */
const MAX_READS = 64;

/** The clock of the machine. */
class SystemClock implements Clock {
  #wall = NaN;
  #monotonic = 0;
  #reads = 0;

  now(): number {
    return Date.now();
  }

  /**
   * To the millisecond. Who asks again within one gets the same answer: to look at the wall clock takes half as long, and
   * that it has moved tells that time has passed.
   */
  monotonic(): number {
    const wall = Date.now();
    if (wall === this.#wall && ++this.#reads < MAX_READS) return this.#monotonic;
    this.#reads = 0;
    this.#wall = wall;
    return this.#monotonic = performance.now();
  }

  after(ms: number, callback: () => void): () => void {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  }
}

/** The clock of the machine. */
export const systemClock: Clock = new SystemClock();
