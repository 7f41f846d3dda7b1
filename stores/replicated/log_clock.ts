/**
 * The time of a log, as far as a server knows it.
 *
 * @module
 */

import type { Clock } from "../../queue/clock.ts";

/** Goes on from the time of the last record, as time passes here. It is 0 before the first one. */
export class LogClock implements Pick<Clock, "now"> {
  readonly #monotonic: () => number;
  /** The log's time when the monotonic time was 0. */
  #origin: number | undefined;

  /**
   * Knows no time yet.
   *
   * @param clock tells how much time passes
   */
  constructor(clock: Pick<Clock, "now" | "monotonic">) {
    this.#monotonic = clock.monotonic ? () => clock.monotonic!() : () => clock.now();
  }

  /** A record arrives; this is its time. */
  setTime(time: number): void {
    this.#origin = time - this.#monotonic();
  }

  now(): number {
    return this.#origin === undefined ? 0 : this.#origin + this.#monotonic();
  }
}
