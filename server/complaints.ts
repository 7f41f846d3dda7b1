/**
 * What is said of refused requests: counted each, told at most once a second.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import type { Clock } from "../queue/clock.ts";
import type { Log } from "../queue/queue.ts";

const EVERY = 1000;

/** Counts refused requests, and logs them without letting a bad client fill the log. */
export class Complaints {
  readonly #clock: Clock;
  readonly #log: Log;
  #count = 0;
  #untold = 0;
  #last = "";
  #resting: (() => void) | undefined;

  /** Makes an empty one. */
  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** How many requests were refused. */
  get count(): number {
    return this.#count;
  }

  /** Notes a refused request. */
  note({ message }: WireError): void {
    this.#count++;
    this.#untold++;
    this.#last = message;
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
    this.#log.warn(`dsmq: refused a request: ${this.#last}${more}`);
    this.#untold = 0;
    this.#resting = this.#clock.after(EVERY, () => this.#tell());
  }
}
