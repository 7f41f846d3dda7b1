/**
 * A clock that stands still until a test moves it.
 *
 * @module
 */

import { formatValue } from "../protocol/text.ts";
import type { Clock } from "../queue/clock.ts";

/** Time controlled by a test. */
export class ManualClock implements Clock {
  #now: number;
  /** By how much the wall clock was set forward (or back) without any time passing. */
  #jumped = 0;
  #timers: { at: number; callback: () => void }[] = [];

  /**
   * Starts at a time.
   *
   * @param now in milliseconds since 1970. Default: one with more than 32 bits
   * @throws {TypeError | RangeError} if it is no finite number
   */
  constructor(now = 1_767_225_600_000) {
    requireFinite("start a clock", "now", now);
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now - this.#jumped;
  }

  after(ms: number, callback: () => void): () => void {
    if (typeof ms !== "number" || Number.isNaN(ms)) throw wrong("wait", "ms", "a number", ms);
    if (typeof callback !== "function") throw wrong("wait", "callback", "a function", callback);
    const timer = { at: this.#now + ms, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /**
   * Lets time pass, and calls all due timers in order.
   *
   * @param ms for how long, in milliseconds
   * @throws {TypeError | RangeError} if it is no finite number from 0
   */
  advance(ms: number): void {
    requireFinite("advance a clock", "ms", ms, 0);
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

  /**
   * Advances to a later time, without calling any timer; or sets the wall clock back.
   *
   * @param now in milliseconds since 1970
   * @throws {TypeError | RangeError} if it is no finite number
   */
  set(now: number): void {
    requireFinite("set a clock", "now", now);
    if (now < this.#now) this.jump(now - this.#now);
    else this.#now = now;
  }

  /**
   * Sets the wall clock forward or back, while no time passes.
   *
   * @param ms by how much, in milliseconds
   * @throws {TypeError | RangeError} if it is no finite number
   */
  jump(ms: number): void {
    requireFinite("set a clock", "ms", ms);
    this.#now += ms;
    this.#jumped += ms;
    for (const timer of this.#timers) timer.at += ms;
  }
}

/** With another number no timer would ever be due, or all of them, without end. */
function requireFinite(action: string, name: string, value: unknown, min = -Infinity): void {
  if (Number.isFinite(value) && (value as number) >= min) return;
  throw wrong(action, name, min === 0 ? "a finite number from 0" : "a finite number", value);
}

function wrong(action: string, name: string, expected: string, value: unknown): Error {
  const ErrorClass = typeof value === "number" ? RangeError : TypeError;
  return new ErrorClass(
    `Cannot ${action}: ${name} must be ${expected}, got ${formatValue(value)}`,
  );
}
