/**
 * Tokens that expire: each connection learns when its own does.
 *
 * @module
 */

import type { Clock } from "../queue/clock.ts";
import { type HeapTimer, TimerHeap } from "../queue/timer_heap.ts";

/** So often it is compared with the wall clock, in milliseconds: that may be set, and tokens expire by it. */
const CHECK_INTERVAL = 60_000;

const NOTHING = () => {};

/** The tokens of all connections that expire. */
export class TokenExpiry {
  readonly #clock: Clock;
  readonly #timers: TimerHeap;

  /** Starts without tokens. */
  constructor(clock: Clock) {
    this.#clock = clock;
    this.#timers = new TimerHeap(clock);
  }

  /** How many expire. */
  get count(): number {
    return this.#timers.size;
  }

  /**
   * Calls back once a token has expired.
   *
   * @param expires when, in milliseconds since 1970; `undefined` for one that does not
   * @param onExpired is called then, once
   * @returns cancels it; may be called twice
   */
  watch(expires: number | undefined, onExpired: () => void): () => void {
    if (expires === undefined) return NOTHING;
    const start = () => {
      const remaining = this.remaining(expires);
      this.#timers.add(timer, Math.min(remaining, CHECK_INTERVAL));
    };
    const timer: HeapTimer = {
      due: 0,
      index: -1,
      onTimeout: () => this.remaining(expires) > 0 ? start() : onExpired(),
    };
    start();
    return () => {
      if (timer.index >= 0) this.#timers.remove(timer);
    };
  }

  /** In how many milliseconds it expires; 0 if it has. */
  remaining(expires: number): number {
    return Math.max(0, Math.ceil(expires - this.#clock.now()));
  }

  /** Watches nothing any more. */
  stop(): void {
    this.#timers.stop();
  }
}
