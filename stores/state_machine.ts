/**
 * What commands do to a store.
 *
 * @module
 */

import type { Admission } from "./admission.ts";
import type { GroupMachine } from "./groups/group_machine.ts";
import type { MessageLog } from "./message_log.ts";
import type { DedupIndex } from "./dedup_index.ts";
import type { CommandBatch, Result, StoreError, TopicMessage } from "./store.ts";
import type { StoreTime } from "./store_time.ts";

/** What commands change. */
export interface MachineParts {
  readonly messageLog: MessageLog;
  readonly dedup: DedupIndex;
  readonly admission: Admission;
  readonly groups: GroupMachine;
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
   * Applies a batch, after everything that is due by its time.
   *
   * @param batch the commands, and when they happen
   * @param messages gets the messages that are stored
   * @returns what became of each command
   */
  apply({ time, commands }: CommandBatch, messages: TopicMessage[]): (Result | StoreError)[] {
    const { messageLog, dedup, admission, groups, time: storeTime, retention } = this.#parts;
    const now = storeTime.at(time);
    // First: it may fail, for it may look into the database, and then nothing has changed.
    messageLog.range.expire(now - retention);
    storeTime.apply(now);
    groups.begin(now, commands.length);
    dedup.begin(now);
    const before = messages.length;
    const results = admission.admit(commands, now, messages);
    dedup.settle();
    if (messages.length > before) groups.stored(messages, before);
    return results;
  }
}
