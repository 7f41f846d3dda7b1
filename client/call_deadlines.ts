/**
 * The deadlines of waits, with one timer for all of a connection: most waits are served long before their time, and a timer
 * for each would cost more than the rest of their work. Time asleep does not count: a machine that slept waits for what was
 * left.
 *
 * @module
 */

import { RenewedMap } from "../protocol/renewed_map.ts";
import { AwakeClock } from "./awake_clock.ts";

/** Something that ends at a time. */
export interface CallDeadline {
  /** When, by {@linkcode CallDeadlines.now}. It may become later. */
  readonly end: number;
  /** Its time is over. */
  onDeadline(now: number): void;
}

/** The deadlines of a connection. */
export class CallDeadlines {
  #deadlines = new RenewedMap<CallDeadline, true>();
  readonly #clock = new AwakeClock();
  #cancelTimer: (() => void) | undefined;
  /** When the alarm fires: at the next deadline, or before it. */
  #nextAt = Infinity;

  /** Milliseconds since the beginning, without time asleep. */
  get now(): number {
    return this.#clock.elapsed;
  }

  /** Adds one. */
  add(deadline: CallDeadline): void {
    this.#deadlines.set(deadline, true);
    if (deadline.end < this.#nextAt) this.#startTimer(deadline.end);
  }

  /** Removes one. */
  delete(deadline: CallDeadline): void {
    this.#deadlines.delete(deadline);
  }

  /** Removes all. */
  stop(): void {
    this.#deadlines = new RenewedMap();
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
    for (const [deadline] of [...this.#deadlines]) {
      if (deadline.end <= now) deadline.onDeadline(now);
    }
    let next = Infinity;
    for (const [{ end }] of this.#deadlines) if (end < next) next = end;
    if (next < this.#nextAt) this.#startTimer(next);
  }
}
