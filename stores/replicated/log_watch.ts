/**
 * Whether a server knows what is in the log now.
 *
 * @module
 */

import type { Clock } from "../../queue/clock.ts";
import { StoreError } from "../store.ts";
import type { LogState, RecordLog } from "./record_log.ts";

/** How often it is looked, in milliseconds. */
const CHECK_EVERY = 1000;

/** A log that brings nothing is asked whether it has more, after this time in milliseconds. */
const QUIET = 1500;

/** Another one with each of so many looks: somebody may have removed records by hand. */
const ASK_EVERY = 3;

/** Without a sign that nothing is missing for so long, the server is behind. In milliseconds. */
const BEHIND_AFTER = 5000;

/** What this needs of the store. */
export interface LogWatchOptions {
  readonly log: Pick<RecordLog, "state">;
  readonly clock: Pick<Clock, "now" | "monotonic" | "after">;
  /** Where the replica is. */
  readonly position: () => number;
  /** Gets what the log holds, when it was asked. */
  readonly onState: (state: LogState) => void;
  /** Called with each look. */
  readonly onCheck: () => void;
  /** The server is behind, with the reason; `undefined`: it is not any more. */
  readonly onBehind: (reason: string | undefined) => void;
}

/** Listens to a log. The server is behind while nothing is known of it, or while it is being rebuilt. */
export class LogWatch {
  readonly #options: LogWatchOptions;
  #receivedAt: number;
  #asking = false;
  #checks = 0;
  #behind: string | undefined;
  /** Why the replica cannot be read now, if it cannot. */
  #blocked: string | undefined;
  #cancel: () => void = () => {};
  #stopped = false;

  /** Begins to listen. */
  constructor(options: LogWatchOptions) {
    this.#options = options;
    this.#receivedAt = this.#now;
    this.#schedule();
  }

  /** Why the server is behind, if it is. */
  get behind(): string | undefined {
    return this.#behind;
  }

  /** For how long nothing is known of the log, in milliseconds. */
  get silence(): number {
    return this.#now - this.#receivedAt;
  }

  /** A record has come: nothing is missing before it. */
  received(): void {
    this.#receivedAt = this.#now;
    if (this.#behind !== undefined && this.#blocked === undefined) this.#tell(undefined);
  }

  /** The replica cannot be read, for this reason, until it is `undefined`. */
  block(reason: string | undefined): void {
    this.#blocked = reason;
    if (reason !== undefined) this.#tell(reason);
    else this.received();
  }

  /** Listens no more. */
  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  get #now(): number {
    const { clock } = this.#options;
    return clock.monotonic?.() ?? clock.now();
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#cancel = this.#options.clock.after(CHECK_EVERY, () => {
      this.#check();
      this.#schedule();
    });
  }

  #check(): void {
    this.#options.onCheck();
    if (this.silence >= BEHIND_AFTER) this.#tell("the log does not answer");
    const isTime = ++this.#checks % ASK_EVERY === 0 || this.silence >= QUIET;
    if (isTime && !this.#asking) void this.#ask();
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    try {
      const state = await this.#options.log.state();
      if (this.#stopped) return;
      this.#options.onState(state);
      // If it has more, that comes by itself, or the tail has to be begun again.
      if (state.last === this.#options.position()) this.received();
    } catch {
      // Nothing is known.
    } finally {
      this.#asking = false;
    }
  }

  #tell(reason: string | undefined): void {
    if (this.#behind === reason) return;
    const wasBehind = this.#behind !== undefined;
    this.#behind = reason;
    // Another reason for the same is no news.
    if (wasBehind !== (reason !== undefined)) this.#options.onBehind(reason);
  }
}

/** The error of what would be answered from a replica that may be old. */
export function behindError(reason: string): StoreError {
  return new StoreError(`Cannot read: ${reason}`, { code: "behind" });
}
