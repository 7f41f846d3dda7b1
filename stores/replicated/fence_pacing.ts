/**
 * How often a server has a record written only to know what is in the log.
 *
 * @module
 */

import type { Clock } from "../../queue/clock.ts";
import { behindError } from "./log_watch.ts";

/** So many fences need not wait, if there were none for long; then one in each so many milliseconds. */
const BURST = 100;
const GAP = 1;

/** Besides, one for so many records of all servers. */
const RECORDS_PER_FENCE = 10;

/** What this needs of the store. */
export interface FencePacingOptions {
  readonly clock: Pick<Clock, "now" | "monotonic" | "after">;
  /** Commands wait that make a record anyway: a fence costs nothing then. */
  readonly isFree: () => boolean;
  /** Resolves once a record was applied that is written after the call. */
  readonly send: () => Promise<void>;
  /** For how long a fence may take, in milliseconds. */
  readonly timeout: number;
}

/** Each server applies all records, so fences of one cost all. Those who come while one waits share it. */
export class FencePacing {
  readonly #options: FencePacingOptions;
  #tokens = BURST;
  /** When they were counted last, by the monotonic clock. */
  #countedAt: number;
  #next: Promise<void> | undefined;

  /** Nobody has asked yet. */
  constructor(options: FencePacingOptions) {
    this.#options = options;
    this.#countedAt = this.#now;
  }

  /** Resolves once everything is applied here that was in the log before the call; rejects with `behind` if that takes too long. */
  async pass(): Promise<void> {
    const { clock, timeout } = this.#options;
    const { promise, reject } = Promise.withResolvers<never>();
    const onTimeout = () => reject(behindError("the log does not answer"));
    const cancel = clock.after(timeout, onTimeout);
    try {
      await Promise.race([this.#pass(), promise]);
    } finally {
      cancel();
    }
  }

  #pass(): Promise<void> {
    const { isFree, send } = this.#options;
    if (this.#next) return this.#next;
    if (isFree() || this.#take()) return send();
    return this.#next = this.#later();
  }

  /** A record was applied. */
  onRecord(): void {
    this.#tokens = Math.min(BURST, this.#tokens + 1 / RECORDS_PER_FENCE);
  }

  get #now(): number {
    const { clock } = this.#options;
    return clock.monotonic?.() ?? clock.now();
  }

  #take(): boolean {
    const now = this.#now;
    this.#tokens = Math.min(BURST, this.#tokens + (now - this.#countedAt) / GAP);
    this.#countedAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  async #later(): Promise<void> {
    const { clock, send } = this.#options;
    await new Promise<void>((resolve) => clock.after(GAP, resolve));
    this.#next = undefined;
    this.#take();
    await send();
  }
}
