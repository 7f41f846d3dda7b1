/**
 * The time of a store: that of the wall clock at its opening, and since then the time that has passed.
 *
 * @module
 */

import type { Clock } from "../queue/clock.ts";
import type { TimeSource } from "./admission.ts";

/**
 * Tells the store's time. A wall clock that is set forward expires nothing early, and one that is set back makes nothing
 * last longer: it is looked at once.
 */
export class StoreTime implements TimeSource {
  readonly #monotonic: () => number;
  readonly #retention: number;
  readonly #origin: number;
  /** What the time was at the origin. */
  #anchor: number;
  /** The time that was told last: it never runs backwards, not even where a clock has no monotonic time. */
  #latest = 0;
  /** The latest time at which somebody was told how the store stands. */
  #lastReported = 0;

  /**
   * Begins with the time of a wall clock.
   *
   * @param clock the clock; without a monotonic time of its own, the passing of its time counts
   * @param retention for how many milliseconds a message is kept
   */
  constructor(clock: Pick<Clock, "now" | "monotonic">, retention: number) {
    this.#monotonic = clock.monotonic ? () => clock.monotonic!() : () => clock.now();
    this.#retention = retention;
    this.#anchor = Math.floor(clock.now());
    this.#origin = this.#monotonic();
  }

  /** In whole milliseconds since 1970. */
  now(): number {
    const passed = Math.floor(this.#monotonic() - this.#origin);
    return this.#latest = Math.max(this.#latest, this.#anchor + passed);
  }

  /** What was stored at this time or before has expired. */
  cutoff(): number {
    return this.now() - this.#retention;
  }

  afterReported(): number {
    return Math.max(this.now(), this.#lastReported + 1);
  }

  /** Somebody is told how the store stands at this time. */
  markReported(time: number): void {
    this.#lastReported = Math.max(this.#lastReported, time);
  }

  /** Goes on from a time that was told before, if that is later than the present one. */
  resumeFrom(time: number): void {
    this.#anchor += Math.max(0, time - this.now());
    this.markReported(time);
  }
}
