/**
 * What commands do to a store.
 *
 * @module
 */

import type { Admission } from "./admission.ts";
import type { MessageLog } from "./message_log.ts";
import type { DedupIndex } from "./dedup_index.ts";
import type { Command, CommandBatch, Result, StoreError, TopicMessage } from "./store.ts";
import type { StoreTime } from "./store_time.ts";

/** What commands change. */
export interface MachineParts {
  readonly messageLog: MessageLog;
  readonly dedup: DedupIndex;
  readonly admission: Admission;
  readonly time: StoreTime;
  /** For how many milliseconds a message is kept. */
  readonly retention: number;
}

/** Applies commands. The results follow from all commands so far and their times, and from nothing else. */
export class StateMachine {
  readonly #parts: MachineParts;

  /** Takes what commands change. */
  constructor(parts: MachineParts) {
    this.#parts = parts;
  }

  /**
   * Applies a batch.
   *
   * @param batch the commands, and when they happen
   * @param messages gets the messages that are stored
   * @returns what became of each command
   */
  apply({ time, commands }: CommandBatch, messages: TopicMessage[]): (Result | StoreError)[] {
    this.begin(time);
    return this.take(commands, messages);
  }

  /** Begins a batch: everything that is due by its time happens. */
  begin(time: number): void {
    const { messageLog, dedup, retention } = this.#parts;
    const now = this.#parts.time.apply(time);
    messageLog.range.expire(now - retention);
    dedup.begin(now);
  }

  /** Applies the commands of a batch that has begun; see {@linkcode StateMachine.apply}. */
  take(commands: readonly Command[], messages: TopicMessage[]): (Result | StoreError)[] {
    const { dedup, admission, time } = this.#parts;
    const results = admission.admit(commands, time.applied, messages);
    dedup.settle();
    return results;
  }
}
