/**
 * What is said of refused requests and of peers given up: counted each, told at most once a second.
 *
 * @module
 */

import type { Clock } from "../queue/clock.ts";
import type { Log } from "../queue/queue.ts";

const EVERY = 1000;

/** Counts what goes wrong by others' doing, and logs it without letting a bad client fill the log. */
export class Complaints {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #what: string;
  #count = 0;
  #untold = 0;
  #last = "";
  #resting: (() => void) | undefined;

  /**
   * Makes an empty one.
   *
   * @param clock tells when a second is over
   * @param log takes the lines
   * @param what what happens, as a line begins
   */
  constructor(clock: Clock, log: Log, what: string) {
    this.#clock = clock;
    this.#log = log;
    this.#what = what;
  }

  /** How often it happened. */
  get count(): number {
    return this.#count;
  }

  /** Notes that it happened, and why. */
  note(why: string): void {
    this.#count++;
    this.#untold++;
    this.#last = why;
    if (!this.#resting) this.#tell();
  }

  /** Says what is untold, and nothing more. */
  stop(): void {
    this.#resting?.();
    this.#tell();
    this.#resting?.();
  }

  #tell(): void {
    this.#resting = undefined;
    if (this.#untold === 0) return;
    const more = this.#untold === 1 ? "" : ` (and ${this.#untold - 1} more in the last second)`;
    this.#log.warn(`dsmq: ${this.#what}: ${this.#last}${more}`);
    this.#untold = 0;
    this.#resting = this.#clock.after(EVERY, () => this.#tell());
  }
}
