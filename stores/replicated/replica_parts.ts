/**
 * What records change: the parts of a store's state machine, over a database that is in a transaction.
 *
 * @module
 */

import { Admission } from "../admission.ts";
import { type DedupRow, dumpDedup, restoreDedup } from "../dedup_dump.ts";
import { DedupIndex } from "../dedup_index.ts";
import type { DroppedRange } from "../gone_index.ts";
import { GoneTable } from "../gone_table.ts";
import { dumpGroups, type GroupRow } from "../groups/dump_groups.ts";
import { GroupMachine } from "../groups/group_machine.ts";
import { GroupState } from "../groups/group_state.ts";
import { restoreGroups } from "../groups/restore_groups.ts";
import { MessageLog } from "../message_log.ts";
import { StateMachine } from "../state_machine.ts";
import type { StoreTime } from "../store_time.ts";
import type { StoreConfiguration } from "./control_commands.ts";
import type { ReplicaFile } from "./replica_file.ts";

/** The parts. */
export interface ReplicaParts {
  readonly messageLog: MessageLog;
  readonly dedup: DedupIndex;
  readonly groups: GroupMachine;
  readonly machine: StateMachine;
}

/** Where the messages are, and what else the parts need of what was before; as it is saved. */
export interface SavedParts {
  /** Everything up to here is gone. */
  readonly floor: number;
  /** The last sequence number given. */
  readonly last: number;
  /** When the last message was stored. */
  readonly lastTime: number;
  /** The time of the last commands. */
  readonly applied: number;
  /** What was evicted before it expired, in order. */
  readonly dropped: readonly DroppedRange[];
  /** See {@linkcode GoneIndex.purgedAt}. */
  readonly purgedAt: number;
  /** For how long messages were kept, in milliseconds. */
  readonly retention: number;
}

/**
 * Opens the parts over the tables of a file.
 *
 * @param file the file, in a transaction
 * @param configuration what decides results, and the seed of hashes if there are no tables yet
 * @param time the time of the last commands
 * @param onFailed the database has failed: it may have a part of a change
 * @param saved what was saved. Default: the store is new
 */
export function openParts(
  file: ReplicaFile,
  { retention, limits, seed }: StoreConfiguration & { readonly seed?: number },
  time: StoreTime,
  onFailed: (error: unknown) => void,
  saved?: SavedParts,
): ReplicaParts {
  const { db } = file;
  time.rewind(saved?.applied ?? 0);
  const messageLog = new MessageLog(db, {
    ...{ retention, isInTransaction: true },
    ...(seed !== undefined && { seed }),
    gone: new GoneTable(db, limits.goneTopics),
    hooks: { beforeCommit() {}, committed() {}, failed: onFailed },
    ...(saved && { start: { ...saved, clock: saved.purgedAt - 1 } }),
  });
  const { dedupWindow: window, dedupRuns: maxRuns } = limits;
  const dedup = new DedupIndex({ window, retention, maxRuns });
  const groups = new GroupMachine(
    messageLog,
    limits,
    (state) => new GroupState(db, messageLog, limits, state),
  );
  if (saved) {
    restoreDrops(messageLog, saved, retention);
    restoreDedup(dedup, file.lines("dedup") as Iterable<DedupRow>);
    restoreGroups(groups, file.lines("groups") as Iterable<GroupRow>);
  }
  const admission = new Admission(messageLog, dedup, groups, limits, true);
  const machine = new StateMachine({ messageLog, dedup, groups, admission, time, retention });
  return { messageLog, dedup, groups, machine };
}

/**
 * Saves the parts, with the next commit.
 *
 * @param file the file that they are in
 * @param parts the parts
 * @param time the time of the last commands
 * @param retention for how long messages are kept, in milliseconds
 * @returns what else has to be saved of them
 */
export function saveParts(
  file: ReplicaFile,
  { messageLog, dedup, groups }: ReplicaParts,
  time: StoreTime,
  retention: number,
): SavedParts {
  messageLog.flush();
  file.save("dedup", dumpDedup(dedup));
  file.save("groups", dumpGroups(groups));
  const { range: { floor, last, lastTime }, gone: { times, purgedAt } } = messageLog;
  const { applied } = time;
  return { floor, last, lastTime, applied, dropped: times.drops, purgedAt, retention };
}

/** What had expired, under the retention of before or the new one, stays gone. */
function restoreDrops(
  { range, gone: { times } }: MessageLog,
  { dropped, applied, retention: before }: SavedParts,
  retention: number,
): void {
  for (const { upTo, at, retention } of dropped) times.drop(upTo, at, retention);
  if (before === retention) return;
  const { floor } = range;
  range.expire(applied - Math.min(before, retention));
  if (range.floor > floor) times.drop(range.floor, applied + 1, before);
}
