/**
 * When waits are over, with one timer for all of a connection: most are served long before their time, and a timer
 * for each would cost more than everything else that is done for it here. Time asleep does not count: a machine that
 * slept goes on waiting for what was left.
 *
 * @module
 */

import { AwakeTime } from "./awake_time.ts";

/** Something that is over at a time. */
export interface Deadline {
  /** When, by {@linkcode Deadlines.now}. It may become later. */
  readonly end: number;
  /** It is that late now. */
  over(now: number): void;
}

/** The deadlines of a connection. */
export class Deadlines {
  readonly #all = new Set<Deadline>();
  readonly #time = new AwakeTime();
  #callOff: (() => void) | undefined;
  /** When the alarm goes off: at the next deadline, or before it. */
  #next = Infinity;

  /** Milliseconds since it began, without those asleep. */
  get now(): number {
    return this.#time.passed;
  }

  /** Minds one more. */
  add(deadline: Deadline): void {
    this.#all.add(deadline);
    if (deadline.end < this.#next) this.#wake(deadline.end);
  }

  /** Minds one no more. */
  delete(deadline: Deadline): void {
    this.#all.delete(deadline);
  }

  /** Minds nothing any more. */
  stop(): void {
    this.#all.clear();
    this.#callOff?.();
    this.#next = Infinity;
  }

  #wake(at: number): void {
    this.#callOff?.();
    this.#next = at;
    this.#callOff = this.#time.alarm(at, () => this.#look());
  }

  #look(): void {
    this.#next = Infinity;
    const { now } = this;
    for (const deadline of [...this.#all]) if (deadline.end <= now) deadline.over(now);
    let next = Infinity;
    for (const { end } of this.#all) if (end < next) next = end;
    if (next < this.#next) this.#wake(next);
  }
}
