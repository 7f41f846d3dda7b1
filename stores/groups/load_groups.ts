/**
 * How the groups of a file are read from its tables.
 *
 * @module
 */

import type { Database } from "../engine.ts";
import type { GroupName } from "./group_commands.ts";
import type { GroupJobs, JobRecord } from "./group_jobs.ts";
import { groupKey } from "./group_registry.ts";
import type { GroupState } from "./group_state.ts";
import { Holder } from "./holder.ts";
import { JOB_STATE, type JobState } from "./job_list.ts";
import type { ClaimGap } from "./lost_claims.ts";
import type { WorkGroup } from "./work_group.ts";

/** Instead of when it was used: a group is deleted, and something may be left of it. */
export const DELETED = -1;

interface NameRow {
  readonly is_prefix: number;
  readonly filter: string;
  readonly name: string;
  readonly frontier: number;
}

interface GroupRow extends NameRow {
  readonly id: number;
  readonly used: number;
  readonly claimed: number;
  readonly done: number;
  readonly retried: number;
  readonly died: number;
  readonly given_up: number;
}

interface JobRow {
  readonly group_id: number;
  readonly seq: number;
  readonly state: JobState;
  readonly attempt: number;
  readonly key: number;
  readonly at: number | null;
  readonly claim: number | null;
  readonly holder: string | null;
  readonly reason: string | null;
}

interface HolderRow {
  readonly group_id: number;
  readonly name: string;
  readonly lease: number;
  readonly timeout: number;
  readonly attempts: number;
}

/**
 * Takes up the groups of a file.
 *
 * @param db its database
 * @param state gets the groups
 * @returns the claims that holders had of groups that are deleted
 */
export function loadGroups(db: Database, state: GroupState): readonly number[] {
  const groups = new Map<number, WorkGroup>();
  for (const row of db.prepare("SELECT * FROM groups ORDER BY id").all() as GroupRow[]) {
    if (row.used === DELETED) {
      state.restoreRemains({ id: row.id, name: nameOf(row), held: () => [], dead: () => [] });
      continue;
    }
    const group = state.restore(row.id, nameOf(row), row.frontier);
    group.usedAt = row.used;
    const { claimed, done, retried, died, given_up: givenUp } = row;
    Object.assign(group.counts, { claimed, done, retried, died, givenUp });
    groups.set(row.id, group);
  }
  const holders = db.prepare("SELECT * FROM group_holders").all() as HolderRow[];
  for (const { group_id, name, ...terms } of holders) {
    const group = groups.get(group_id);
    if (!group) continue;
    group.holders.set(name, new Holder(group_id, name, terms, state.clock.now));
    state.holders++;
  }
  const held = loadJobs(db, state, groups);
  const lost = db.prepare("SELECT claim FROM lost_claims ORDER BY claim").all();
  for (const { claim } of lost as { claim: number }[]) state.claims.restore(claim);
  const gaps = db.prepare("SELECT after, through FROM claim_gaps ORDER BY after").all();
  for (const gap of gaps as ClaimGap[]) state.claims.restoreGap(gap);
  const deleted = db.prepare("SELECT * FROM deleted_groups ORDER BY id").all();
  for (const row of deleted as (NameRow & { until: number })[]) {
    const name = nameOf(row);
    const { frontier, until } = row;
    state.deleted.set(groupKey(name), { name, frontier, until });
  }
  return held;
}

/** Returns the claims that holders had of groups that are deleted. */
function loadJobs(
  db: Database,
  state: GroupState,
  groups: ReadonlyMap<number, WorkGroup>,
): readonly number[] {
  const lost: number[] = [];
  const blocked: [WorkGroup, number, JobRecord][] = [];
  const rows = db.prepare("SELECT * FROM group_jobs ORDER BY group_id, seq").all();
  for (const row of rows as JobRow[]) {
    const { group_id, seq, state: jobState, attempt, key, at, claim, holder, reason } = row;
    const group = groups.get(group_id);
    if (!group) {
      if (claim !== null) lost.push(claim);
      continue;
    }
    const record: JobRecord = {
      ...{ state: jobState, attempt, key },
      ...(at !== null && { at }),
      ...(claim !== null && { claim }),
      ...(holder !== null && { holder: group.holders.get(holder)! }),
      ...(reason !== null && { reason: JSON.parse(reason) as string }),
    };
    group.jobs.restore(seq, record, state.clock.now);
    if (jobState === JOB_STATE.blocked) blocked.push([group, seq, record]);
    else group.jobs.restoreKey(seq, record);
  }
  // Only now each key has its owner.
  for (const [group, seq, record] of blocked) group.jobs.restoreKey(seq, record);
  const dead = [...groups.values()].flatMap(({ jobs }) =>
    jobs.dead.values().map((one) => ({ jobs, one })).toArray()
  );
  dead.sort(({ one }, { one: other }) => one.at - other.at);
  for (const { jobs, one } of dead) jobs.restoreReason(one);
  for (const group of groups.values()) {
    sortDead(group.jobs);
    group.findGone();
    state.onDelayed(group.jobs.nextDue);
    for (const holder of group.holders.values()) state.onHeld(holder.nextEnd);
  }
  return lost;
}

/** Jobs are forgotten in the order of their deaths. */
function sortDead({ dead }: GroupJobs): void {
  const sorted = [...dead].sort(([, one], [, other]) => one.at - other.at);
  dead.clear();
  for (const [seq, one] of sorted) dead.set(seq, one);
}

function nameOf({ is_prefix, filter, name }: NameRow): GroupName {
  return is_prefix === 0 ? { topic: filter, group: name } : { prefix: filter, group: name };
}
