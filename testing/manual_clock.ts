/**
 * A clock that stands still until a test moves it.
 *
 * @module
 */

import type { Clock } from "../queue/clock.ts";

/** Time controlled by a test. */
export class ManualClock implements Clock {
  #now: number;
  /** By how much the wall clock was set forward (or back) without any time passing. */
  #jumped = 0;
  #timers: { at: number; callback: () => void }[] = [];

  /** Starts at a time (ms since 1970), by default one with more than 32 bits. */
  constructor(now = 1_767_225_600_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now - this.#jumped;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now + ms, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Lets time pass (ms), and calls all due timers in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#now = Math.max(this.#now, due.at);
      due.callback();
    }
    this.#now = end;
  }

  /** Advances to a later time, without calling any timer; or sets the wall clock back. */
  set(now: number): void {
    if (now < this.#now) this.jump(now - this.#now);
    else this.#now = now;
  }

  /** Sets the wall clock forward or back (ms), while no time passes. */
  jump(ms: number): void {
    this.#now += ms;
    this.#jumped += ms;
    for (const timer of this.#timers) timer.at += ms;
  }
}
