/**
 * How fast newcomers are received: thousands that come at once do not keep those waiting who are already in.
 *
 * @module
 */

import { afterNetworkPoll } from "../budgets/after_network_poll.ts";

/** How many are received before others have a turn: that takes a few milliseconds. */
const BURST = 8;

/** Who comes so long after the others need not wait, in milliseconds. */
const BURST_INTERVAL = 10;

/** Lets a few pass at once, first come, first served, and the others after everybody else has had a turn. */
export class Pacer {
  readonly #afterNetworkPoll: (callback: () => void) => void;
  readonly #waiting: (() => void)[] = [];
  /** How many have passed since when, where none waits. */
  #admitted = 0;
  #since = -Infinity;
  /** The first that waits. */
  #next = 0;

  /**
   * Nobody waits yet.
   *
   * @param afterPoll calls back once the network was looked at: whoever is already in has been heard then. A timer would not do,
   *     for of what is done at each of its turns there may be 61 before the network is looked at. Default: the system's
   */
  constructor(afterPoll: (callback: () => void) => void = afterNetworkPoll) {
    this.#afterNetworkPoll = afterPoll;
  }

  /** What is to be waited for before one more is received; mostly nothing. */
  wait(): Promise<void> | undefined {
    if (this.#waiting.length === 0) {
      const now = performance.now();
      if (now - this.#since >= BURST_INTERVAL) [this.#admitted, this.#since] = [0, now];
      if (this.#admitted++ < BURST) return undefined;
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
