/**
 * What happens to groups because time passes: jobs come due, leases end, and what has been dead for long is forgotten.
 *
 * @module
 */

import type { GroupState } from "./group_state.ts";
import type { WorkGroup } from "./work_group.ts";

/**
 * How many jobs change with each batch of commands, which takes some 20 milliseconds at most. What is left is due with the next batch: if
 * it were done at once, others would wait for it.
 */
const MAX_AT_ONCE = { due: 16_384, ended: 2048, forgotten: 512 };

/** For how many milliseconds dead jobs are kept: a week. */
export const DEAD_RETENTION = 7 * 24 * 3600 * 1000;

/**
 * Delayed jobs come due.
 *
 * @param state the groups
 * @param now the store's time
 * @returns whether more are due
 */
export function comeDue(state: GroupState, now: number): boolean {
  let left = MAX_AT_ONCE.due;
  state.nextDue = Infinity;
  for (const group of state.registry.all) {
    const found = group.jobs.comeDue(now, left);
    if (found > 0) group.news.ready = true;
    left -= found;
    state.onDelayed(group.jobs.nextDue);
  }
  return state.nextDue <= now;
}

/**
 * Leases end, and the time for jobs. Until it is its turn, a holder goes on: so nobody who is heard before is told of a loss.
 *
 * @param state the groups
 * @param now the store's time
 * @returns whether more are to end
 */
export function endLeases(state: GroupState, now: number): boolean {
  let left = MAX_AT_ONCE.ended;
  state.nextEnd = Infinity;
  for (const group of state.registry.all) {
    for (const holder of [...group.holders.values()]) {
      // One without jobs counts, too.
      if (left > 0 && holder.nextEnd <= state.clock.now) left -= group.end(holder, now, left) || 1;
      if (group.holders.get(holder.name) === holder) state.onHeld(holder.nextEnd);
    }
  }
  return state.nextEnd <= state.clock.now;
}

/** Whether jobs have been dead for so long that they are forgotten. */
export function hasLongDead({ registry }: GroupState, now: number): boolean {
  return [...registry.all].some(({ jobs: { dead } }) => {
    const [first] = dead.values();
    return first !== undefined && first.at <= now - DEAD_RETENTION;
  });
}

/** The groups on which nobody has worked for long. Jobs that are held, or have workers who wait for some, are in use. */
export function idleGroups({ registry, idleClock, limits }: GroupState): readonly WorkGroup[] {
  return [...registry.all].filter(({ usedAt, holders }) =>
    idleClock.now - usedAt >= limits.groupRetention && holders.size === 0
  );
}

/**
 * Jobs are forgotten that have been dead for long.
 *
 * @param state the groups
 * @param now the store's time
 * @returns whether there are more
 */
export function forgetDead(state: GroupState, now: number): boolean {
  const since = now - DEAD_RETENTION;
  let left = MAX_AT_ONCE.forgotten;
  for (const group of state.registry.all) {
    left -= group.forgetDead(since, left);
    if (left === 0) return true;
  }
  return false;
}
