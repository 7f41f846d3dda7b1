/**
 * The time of a store: that of the wall clock at its opening, and since then the time that has passed.
 *
 * @module
 */

import type { Clock } from "../queue/clock.ts";

/**
 * Tells the store's time. A wall clock that is set forward expires nothing early, and one that is set back makes nothing
 * last longer: it is looked at once.
 */
export class StoreTime {
  readonly #monotonic: () => number;
  readonly #origin: number;
  /** What the time was at the origin. */
  #anchor: number;
  /** The time that was told last: it never runs backwards, not even where a clock has no monotonic time. */
  #latest = 0;
  /** The time of the last commands. */
  #applied = 0;

  /**
   * Begins with the time of a wall clock.
   *
   * @param clock the clock; without a monotonic time of its own, the passing of its time counts
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

  /** Commands are applied at a time, or at that of the last ones if it is later; returns which. */
  apply(time: number): number {
    this.#applied = Math.max(this.#applied, Math.floor(time));
    this.#latest = Math.max(this.#latest, this.#applied);
    return this.#applied;
  }

  /** Goes on from a time that was told before, if that is later than the present one. */
  resumeFrom(time: number): void {
    this.#anchor += Math.max(0, time - this.now());
  }
}
