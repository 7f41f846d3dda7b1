/**
 * What records change: the parts of a store's state machine, over a database that is in a transaction.
 *
 * @module
 */

import { Admission } from "../admission.ts";
import { DedupIndex } from "../dedup_index.ts";
import type { Database } from "../engine.ts";
import { GoneTable } from "../gone_table.ts";
import { GroupMachine } from "../groups/group_machine.ts";
import { GroupState } from "../groups/group_state.ts";
import { MessageLog } from "../message_log.ts";
import { StateMachine } from "../state_machine.ts";
import type { StoreTime } from "../store_time.ts";
import type { StoreConfiguration } from "./control_commands.ts";

/** The parts. */
export interface ReplicaParts {
  readonly messageLog: MessageLog;
  readonly dedup: DedupIndex;
  readonly groups: GroupMachine;
  readonly machine: StateMachine;
}

/**
 * Makes the parts of a new store.
 *
 * @param db an open database, in a transaction
 * @param configuration what decides results
 * @param time the time of the last commands
 * @param onFailed the database has failed: it may have a part of a change
 */
export function openParts(
  db: Database,
  { retention, limits }: StoreConfiguration,
  time: StoreTime,
  onFailed: (error: unknown) => void,
): ReplicaParts {
  const gone = new GoneTable(db, limits.goneTopics);
  const hooks = { beforeCommit() {}, committed() {}, failed: onFailed };
  const messageLog = new MessageLog(db, { retention, gone, hooks, isInTransaction: true });
  const { dedupWindow: window, dedupRuns: maxRuns } = limits;
  const dedup = new DedupIndex({ window, retention, maxRuns });
  const groups = new GroupMachine(
    messageLog,
    limits,
    (saved) => new GroupState(db, messageLog, limits, saved),
  );
  const admission = new Admission(messageLog, dedup, groups, limits, true);
  const machine = new StateMachine({ messageLog, dedup, groups, admission, time, retention });
  return { messageLog, dedup, groups, machine };
}
