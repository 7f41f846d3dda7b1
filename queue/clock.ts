/**
 * The clock of the queue: injected, so that a test controls time.
 *
 * @module
 */

/** Tells the time, and calls back later. */
export interface Clock {
  /** The time in milliseconds since 1970: that of the wall clock, which may be set forward or back. */
  now(): number;
  /** Milliseconds since some moment; nobody can set them back or forward. If a clock lacks this, `now` is used. */
  monotonic?(): number;
  /** Calls back once, after this many milliseconds. Returns a function that cancels it. */
  after(ms: number, callback: () => void): () => void;
}

/** After this many calls the monotonic clock is read, even if the wall clock seems to stand still. */
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
   * To the millisecond. Calls within one millisecond get the same answer: reading the wall clock takes half as long, and
   * shows whether time has passed.
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
