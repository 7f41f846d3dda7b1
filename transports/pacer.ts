/**
 * Spreads new connections over time: thousands that come at once must not block those that are open.
 *
 * @module
 */

import { afterNetworkPoll } from "../budgets/after_network_poll.ts";

/** How many are handled before others have a turn, which takes a few milliseconds. */
const BURST = 8;

/** After such a pause nobody has to wait, in milliseconds. */
const BURST_INTERVAL = 10;

/** Lets a few pass at once, first come, first served, and the others after everything else has had a turn. */
export class Pacer {
  readonly #afterNetworkPoll: (callback: () => void) => void;
  readonly #waiting: (() => void)[] = [];
  /** When the last few passed at once, in a ring, whose oldest is the next to be replaced. */
  readonly #passedAt: number[] = Array(BURST).fill(-Infinity);
  #oldest = 0;
  /** The index of the first that waits. */
  #next = 0;

  /**
   * Starts without waiters.
   *
   * @param afterPoll calls back after the network was polled: open connections were handled then. A timer would not do:
   *     Deno may run 61 of its callbacks before it polls the network. Default: the system's
   */
  constructor(afterPoll: (callback: () => void) => void = afterNetworkPoll) {
    this.#afterNetworkPoll = afterPoll;
  }

  /**
   * What has to be awaited before one more is handled; mostly nothing.
   *
   * @param polledAt a moment after which the network was polled, by `performance.now`: what passed before that does not
   *     count. Default: none is known
   */
  wait(polledAt = -Infinity): Promise<void> | undefined {
    if (this.#waiting.length === 0) {
      const now = performance.now();
      if (this.#passedAt[this.#oldest]! <= Math.max(polledAt, now - BURST_INTERVAL)) {
        this.#passedAt[this.#oldest] = now;
        this.#oldest = (this.#oldest + 1) % BURST;
        return undefined;
      }
      this.#schedule();
    }
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  #schedule(): void {
    this.#afterNetworkPoll(() => this.#admitNext());
  }

  #admitNext(): void {
    const waiting = this.#waiting;
    const end = Math.min(this.#next + BURST, waiting.length);
    for (; this.#next < end; this.#next++) waiting[this.#next]!();
    if (this.#next === waiting.length) waiting.length = this.#next = 0;
    else {
      if (this.#next >= 1024) this.#next -= waiting.splice(0, this.#next).length;
      this.#schedule();
    }
  }
}
