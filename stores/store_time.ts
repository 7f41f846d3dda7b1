/**
 * The time of a store: that of the wall clock when it opened, and the time that has passed since.
 *
 * @module
 */

import type { Clock } from "../queue/clock.ts";

/**
 * Tells the store's time. If the wall clock is set forward nothing expires early, and if it is set back nothing lasts
 * longer: it is read once.
 */
export class StoreTime {
  readonly #monotonic: () => number;
  readonly #origin: number;
  /** The time at the origin. */
  #anchor: number;
  /** The time that was returned last. Time never goes back, not even if a clock has no monotonic time. */
  #latest = 0;
  /** The time of the last commands. */
  #applied = 0;

  /**
   * Begins with the time of a wall clock.
   *
   * @param clock the clock; if it has no monotonic time, its time counts as that
   */
  constructor(clock: Pick<Clock, "now" | "monotonic">) {
    this.#monotonic = clock.monotonic ? () => clock.monotonic!() : () => clock.now();
    this.#anchor = Math.floor(clock.now());
    this.#origin = this.#monotonic();
  }

  /** The present time, in whole milliseconds since 1970. */
  now(): number {
    const passed = Math.floor(this.#monotonic() - this.#origin);
    return this.#latest = Math.max(this.#latest, this.#anchor + passed);
  }

  /** The time of the last commands. */
  get applied(): number {
    return this.#applied;
  }

  /** When commands happen that come with a time: then, or at the time of the last ones if that is later. */
  at(time: number): number {
    return Math.max(this.#applied, Math.floor(time));
  }

  /** Commands happen that come with a time; returns when. */
  apply(time: number): number {
    this.#applied = this.at(time);
    this.#latest = Math.max(this.#latest, this.#applied);
    return this.#applied;
  }

  /** Saves the time of the last commands; the result restores it. The present time does not go back. */
  savepoint(): () => void {
    const applied = this.#applied;
    return () => {
      this.#applied = applied;
    };
  }

  /** The commands after an earlier time are applied once more. The present time does not go back. */
  rewind(applied: number): void {
    this.#applied = applied;
  }

  /** It is the time of something else from now on: only now may the present time go back, to that of the last commands. */
  restart(): void {
    this.#latest = this.#applied;
  }

  /** Goes on from an earlier opening's time, if that is later than the present one. */
  resumeFrom(time: number): void {
    this.#anchor += Math.max(0, time - this.now());
  }
}
