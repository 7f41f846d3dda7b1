/**
 * How much is unanswered, and no more of it than the caller has room for.
 *
 * @module
 */

import { DsmqError } from "../protocol/errors.ts";
import type { Asked } from "./asked.ts";
import { inWords } from "./failure.ts";
import type { PendingLimits } from "./options.ts";

/** About what a call takes beside its text, in bytes. */
const CALL_BYTES = 100;

/** The calls that are unanswered. */
export class PendingCalls {
  readonly #most: PendingLimits;
  #calls = 0;
  /** About how many characters have those that are puts. */
  #size = 0;
  #underWay = 0;

  /** Begins with none, and takes only so much. */
  constructor(most: PendingLimits) {
    this.#most = most;
  }

  /** How many there are. */
  get calls(): number {
    return this.#calls;
  }

  /** How many there are without those that wait: these keep the server from nothing. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Something was asked. */
  add(asked: Asked): void {
    this.#calls += asked.calls;
    if (asked.action === "put") this.#size += asked.size;
    if (!asked.waits) this.#underWay += asked.calls;
  }

  /** A put has grown by a call of so many characters. */
  grew(size: number): void {
    this.#calls++;
    this.#size += size;
    this.#underWay++;
  }

  /** Something is unanswered no more. */
  settled(asked: Asked): void {
    this.#calls -= asked.calls;
    if (asked.action === "put") this.#size -= asked.size;
    if (!asked.waits) this.#underWay -= asked.calls;
  }

  /** Nothing is unanswered. */
  clear(): void {
    this.#calls = this.#size = this.#underWay = 0;
  }

  /** As much is unanswered as may be; the number of calls has no limit while there is a connection. */
  isFull(connected: boolean): boolean {
    return this.#bytes >= this.#most.bytes || (!connected && this.#calls >= this.#most.calls);
  }

  /** Says that nothing more can be asked for now. */
  full(action: string, topic: string | undefined, url: string): DsmqError {
    const calls = this.#calls;
    const bytes = this.#bytes;
    const most = this.#most;
    const what = `Cannot ${inWords(action)}: ${calls} calls are unanswered`;
    const details = topic === undefined ? {} : { topic };
    return bytes < most.bytes
      ? new DsmqError(
        "too_many",
        `${what}, and while there is no connection to ${url} there may be ${most.calls} (maxPending)`,
        { ...details, limit: most.calls },
      )
      : new DsmqError(
        "too_many",
        `${what} and take ${bytes} bytes, which may be ${most.bytes} (maxPendingBytes)`,
        { ...details, limit: most.bytes },
      );
  }

  get #bytes(): number {
    return this.#size + CALL_BYTES * this.#calls;
  }
}
