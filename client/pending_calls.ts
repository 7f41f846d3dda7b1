/**
 * How much is unanswered, and no more of it than the caller has room for.
 *
 * @module
 */

import { DsmqError } from "../protocol/errors.ts";
import type { PendingRequest } from "./pending_request.ts";
import { actionInWords } from "./connection_end.ts";
import type { PendingLimits } from "./options.ts";

/** About what a call takes beside its text, in bytes. */
const CALL_BYTES = 100;

/** The calls that are unanswered. */
export class PendingCalls {
  readonly #limits: PendingLimits;
  #calls = 0;
  /** About how many characters have those that are puts. */
  #size = 0;
  #inFlight = 0;

  /** Begins with none, and takes only so much. */
  constructor(limits: PendingLimits) {
    this.#limits = limits;
  }

  /** How many there are. */
  get calls(): number {
    return this.#calls;
  }

  /** How many there are without those that wait: these keep the server from nothing. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Something was asked. */
  add(request: PendingRequest): void {
    this.#calls += request.calls;
    if (request.action === "put") this.#size += request.size;
    if (!request.isWait) this.#inFlight += request.calls;
  }

  /** A put has grown by a call of so many characters. */
  onGrown(size: number): void {
    this.#calls++;
    this.#size += size;
    this.#inFlight++;
  }

  /** Something is unanswered no more. */
  remove(request: PendingRequest): void {
    this.#calls -= request.calls;
    if (request.action === "put") this.#size -= request.size;
    if (!request.isWait) this.#inFlight -= request.calls;
  }

  /** Nothing is unanswered. */
  clear(): void {
    this.#calls = this.#size = this.#inFlight = 0;
  }

  /** As much is unanswered as may be; the number of calls has no limit while there is a connection. */
  isFull(connected: boolean): boolean {
    return this.#bytes >= this.#limits.bytes || (!connected && this.#calls >= this.#limits.calls);
  }

  /** Says that nothing more can be asked for now. */
  fullError(action: string, topic: string | undefined, url: string): DsmqError {
    const calls = this.#calls;
    const bytes = this.#bytes;
    const limits = this.#limits;
    const what = `Cannot ${actionInWords(action)}: ${calls} calls are unanswered`;
    const details = topic === undefined ? {} : { topic };
    return bytes < limits.bytes
      ? new DsmqError(
        "limit_exceeded",
        `${what}, and while there is no connection to ${url} there may be ${limits.calls} (maxPending)`,
        { ...details, limit: limits.calls },
      )
      : new DsmqError(
        "limit_exceeded",
        `${what} and take ${bytes} bytes, which may be ${limits.bytes} (maxPendingBytes)`,
        { ...details, limit: limits.bytes },
      );
  }

  get #bytes(): number {
    return this.#size + CALL_BYTES * this.#calls;
  }
}
