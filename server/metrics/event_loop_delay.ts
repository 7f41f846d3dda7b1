/**
 * How late the event loop is: by how much a timer of our own is late.
 *
 * @module
 */

import type { TimeRecorder } from "../../queue/traffic_counts.ts";

/** How often to look, in milliseconds. Each time costs a server that has little to do as much as a put. */
const SAMPLE_EVERY = 100;

/** A clock, and timers that keep no process alive. */
export interface BackgroundTimers {
  /** Milliseconds since some moment. */
  now(): number;
  /** Calls back once, after this many milliseconds. Returns a function that cancels it. */
  after(ms: number, callback: () => void): () => void;
}

const systemTimers: BackgroundTimers = {
  now: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    Deno.unrefTimer(timer);
    return () => clearTimeout(timer);
  },
};

/**
 * Records how late each tick of a timer is, while it runs. (`monitorEventLoopDelay` of Deno 2.9.6 reports microseconds for
 * nanoseconds, and misses most of a blocked loop.)
 */
export class EventLoopDelay {
  readonly #delays: TimeRecorder;
  readonly #timers: BackgroundTimers;
  #cancel: (() => void) | undefined;

  /**
   * Does not run yet.
   *
   * @param delays gets the delays
   * @param timers a clock and timers. Default: the system's
   */
  constructor(delays: TimeRecorder, timers: BackgroundTimers = systemTimers) {
    this.#delays = delays;
    this.#timers = timers;
  }

  /** Begins to look. */
  start(): void {
    const due = this.#timers.now() + SAMPLE_EVERY;
    this.#cancel = this.#timers.after(SAMPLE_EVERY, () => {
      // Timers may be a fraction of a millisecond early.
      this.#delays.record(Math.max(0, this.#timers.now() - due), 1);
      this.start();
    });
  }

  /** Ends it, for good. */
  stop(): void {
    this.#cancel?.();
  }
}
