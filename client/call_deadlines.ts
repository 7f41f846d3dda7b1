/**
 * When waits are over, with one timer for all of a connection: most are served long before their time, and a timer
 * for each would cost more than everything else that is done for it here. Time asleep does not count: a machine that
 * slept goes on waiting for what was left.
 *
 * @module
 */

import { AwakeClock } from "./awake_clock.ts";

/** Something that is over at a time. */
export interface CallDeadline {
  /** When, by {@linkcode CallDeadlines.now}. It may become later. */
  readonly end: number;
  /** It is that late now. */
  onDeadline(now: number): void;
}

/** The deadlines of a connection. */
export class CallDeadlines {
  readonly #deadlines = new Set<CallDeadline>();
  readonly #clock = new AwakeClock();
  #cancelTimer: (() => void) | undefined;
  /** When the alarm goes off: at the next deadline, or before it. */
  #nextAt = Infinity;

  /** Milliseconds since it began, without those asleep. */
  get now(): number {
    return this.#clock.elapsed;
  }

  /** Minds one more. */
  add(deadline: CallDeadline): void {
    this.#deadlines.add(deadline);
    if (deadline.end < this.#nextAt) this.#startTimer(deadline.end);
  }

  /** Minds one no more. */
  delete(deadline: CallDeadline): void {
    this.#deadlines.delete(deadline);
  }

  /** Minds nothing any more. */
  stop(): void {
    this.#deadlines.clear();
    this.#cancelTimer?.();
    this.#nextAt = Infinity;
  }

  #startTimer(at: number): void {
    this.#cancelTimer?.();
    this.#nextAt = at;
    this.#cancelTimer = this.#clock.setTimer(at, () => this.#onTimer());
  }

  #onTimer(): void {
    this.#nextAt = Infinity;
    const { now } = this;
    for (const deadline of [...this.#deadlines]) if (deadline.end <= now) deadline.onDeadline(now);
    let next = Infinity;
    for (const { end } of this.#deadlines) if (end < next) next = end;
    if (next < this.#nextAt) this.#startTimer(next);
  }
}
