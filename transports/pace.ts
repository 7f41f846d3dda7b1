/**
 * How fast newcomers are received: thousands that come at once do not keep those waiting who are already in.
 *
 * @module
 */

import { afterLook } from "../budgets/look.ts";

/** How many are received before others have a turn: that takes a few milliseconds. */
const AT_ONCE = 8;

/** Who comes so long after the others need not wait, in milliseconds. */
const APART = 10;

/** Lets a few pass at once, first come, first served, and the others after everybody else has had a turn. */
export class Pace {
  readonly #afterLook: (callback: () => void) => void;
  readonly #waiting: (() => void)[] = [];
  /** How many have passed since when, where none waits. */
  #passed = 0;
  #since = -Infinity;
  /** The first that waits. */
  #next = 0;

  /**
   * Nobody waits yet.
   *
   * @param after calls back once the network was looked at: whoever is already in has been heard then. A timer would not do,
   *     for of what is done at each of its turns there may be 61 before the network is looked at. Default: the system's
   */
  constructor(after: (callback: () => void) => void = afterLook) {
    this.#afterLook = after;
  }

  /** What is to be waited for before one more is received; mostly nothing. */
  turn(): Promise<void> | undefined {
    if (this.#waiting.length === 0) {
      const now = performance.now();
      if (now - this.#since >= APART) [this.#passed, this.#since] = [0, now];
      if (this.#passed++ < AT_ONCE) return undefined;
      this.#later();
    }
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  #later(): void {
    this.#afterLook(() => this.#nextTurn());
  }

  #nextTurn(): void {
    const waiting = this.#waiting;
    const end = Math.min(this.#next + AT_ONCE, waiting.length);
    for (; this.#next < end; this.#next++) waiting[this.#next]!();
    if (this.#next === waiting.length) waiting.length = this.#next = 0;
    else {
      if (this.#next >= 1024) this.#next -= waiting.splice(0, this.#next).length;
      this.#later();
    }
  }
}
