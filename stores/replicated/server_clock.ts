/**
 * The clock of a server, by which its records have their times.
 *
 * @module
 */

import type { Clock } from "../../queue/clock.ts";

/** Shows the wall clock's time of when it was made, and what has passed since then: it does not jump. */
export class ServerClock {
  readonly #clock: Pick<Clock, "now" | "monotonic">;
  /** What the wall clock showed at the start, without the time that had passed. */
  #origin: number;

  /** Goes from now on. */
  constructor(clock: Pick<Clock, "now" | "monotonic">) {
    this.#clock = clock;
    this.#origin = clock.now() - this.#passed;
  }

  /** The time, in whole milliseconds since 1970. */
  get now(): number {
    return Math.floor(this.#origin + this.#passed);
  }

  /** It is behind by so many milliseconds. */
  advance(by: number): void {
    this.#origin += by;
  }

  get #passed(): number {
    return this.#clock.monotonic?.() ?? this.#clock.now();
  }
}
