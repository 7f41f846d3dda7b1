/**
 * Whether a server knows what is in the log now.
 *
 * @module
 */

import type { Clock } from "../../queue/clock.ts";
import { StoreError } from "../store.ts";
import { LogError, type LogState, type RecordLog } from "./record_log.ts";

/** How often it is looked, in milliseconds. */
const CHECK_EVERY = 1000;

/** A log that brings nothing is asked whether it takes records, and has more, after this time in milliseconds. */
const QUIET = 1500;

/** Another one with each of so many looks: somebody may have removed records by hand. */
const ASK_EVERY = 3;

/** Without a sign that nothing is missing for so long, the server is behind. In milliseconds. */
const BEHIND_AFTER = 5000;

const NO_ANSWER = "the log does not answer";

/** Why a replica cannot be read: it is made anew, or it has gone back to where it was saved and has not all again. */
export type Blocker = "rebuild" | "replay";

/** What this needs of the store. */
export interface LogWatchOptions {
  readonly log: Pick<RecordLog, "state" | "fence">;
  readonly clock: Pick<Clock, "now" | "monotonic" | "after">;
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
  /** Why nothing is known of the log. */
  #fault = NO_ANSWER;
  #checks = 0;
  #behind: string | undefined;
  /** Why the replica cannot be read now, if it cannot, in words. */
  readonly #blocked = new Map<Blocker, string>();
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
    if (this.#behind !== undefined && this.#blocked.size === 0) this.#tell(undefined);
  }

  /** The replica cannot be read, for this reason in words, until {@linkcode LogWatch.unblock}. */
  block(blocker: Blocker, reason: string): void {
    this.#blocked.set(blocker, reason);
    this.#tell(reason);
  }

  /** The replica can be read again, unless something else is in the way. */
  unblock(blocker: Blocker): void {
    if (this.#blocked.delete(blocker)) this.received();
  }

  /** The server is behind for no time, for this reason: whoever reads from it begins again. */
  interrupt(reason: string): void {
    this.#tell(reason);
    this.#tell(undefined);
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
    const isQuiet = this.silence >= QUIET;
    if (this.silence >= BEHIND_AFTER && this.#blocked.size === 0) this.#tell(this.#fault);
    if ((++this.#checks % ASK_EVERY === 0 || isQuiet) && !this.#asking) void this.#ask(isQuiet);
  }

  async #ask(isQuiet: boolean): Promise<void> {
    const { log, onState } = this.#options;
    this.#asking = true;
    try {
      const state = await log.state();
      if (this.#stopped) return;
      onState(state);
      // It comes back as a record, if the log takes any: one that has lost its quorum still tells what it holds.
      if (isQuiet) await log.fence();
      this.#fault = NO_ANSWER;
    } catch (error) {
      this.#fault = error instanceof LogError ? error.message : NO_ANSWER;
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
