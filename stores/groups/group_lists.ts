/**
 * What people learn of groups, and of their dead jobs.
 *
 * @module
 */

import type { DeadJob, DeadQuery, GroupQuery, StoredGroup } from "./group_commands.ts";
import type { GroupMessages } from "./group_messages.ts";
import type { GroupState } from "./group_state.ts";
import { groupNotFound } from "./group_errors.ts";
import { JOB_STATE } from "./job_list.ts";
import type { WorkGroup } from "./work_group.ts";

/**
 * Lists groups.
 *
 * @param state the groups, if there ever were any
 * @param query which, and how many
 * @returns what is known of each
 */
export function listGroups(
  state: GroupState | undefined,
  { after, count, filter }: GroupQuery,
): readonly StoredGroup[] {
  if (!state) return [];
  return state.registry.list(after, count, filter).map((group) => describe(state, group));
}

function describe({ messages }: GroupState, group: WorkGroup): StoredGroup {
  const { name, frontier, isFull: stalled, jobs: { list } } = group;
  const [ready, delayed] = [list.count(JOB_STATE.ready), list.count(JOB_STATE.delayed)];
  const waiting = group.waiting.get();
  const blocked = list.count(JOB_STATE.blocked);
  return {
    name,
    frontier,
    depth: waiting + ready + delayed + blocked,
    ...{ ready, delayed, blocked, held: list.count(JOB_STATE.held) },
    dead: list.count(JOB_STATE.dead),
    oldest: oldestOf(messages, group)?.time,
    stalled,
    ...group.counts,
  };
}

/** The oldest message that is not finished, nor dead. */
function oldestOf(messages: GroupMessages, { name, frontier, jobs }: WorkGroup) {
  for (const seq of jobs.list.notIn(JOB_STATE.dead)) {
    const message = messages.at(name, seq);
    // Of a job that is held it may be gone.
    if (message) return message;
  }
  return messages.page(name, frontier, 1, 1).messages[0];
}

/**
 * Lists dead jobs, the oldest message first.
 *
 * @param state the groups, if there ever were any
 * @param query of which group, and how many
 * @returns the jobs with their messages
 * @throws {StoreError} if the group is not there
 */
export function listDeadJobs(
  state: GroupState | undefined,
  { name, after, count, bytes }: DeadQuery,
): readonly DeadJob[] {
  const group = state?.registry.find(name);
  if (!state || !group) throw groupNotFound(name);
  const found: DeadJob[] = [];
  let left = bytes;
  for (const seq of group.jobs.list.inState(JOB_STATE.dead, after)) {
    const message = state.messages.at(name, seq);
    // It may be purged.
    if (!message) continue;
    left -= message.bytes;
    if (left < 0 && found.length > 0) break;
    const { attempt, at, reason } = group.jobs.dead.get(seq)!;
    found.push({ message, attempt, at, reason });
    if (found.length === count) break;
  }
  return found;
}
