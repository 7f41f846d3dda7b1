/**
 * How groups are restored from a dump.
 *
 * @module
 */

import type { TopicFilter } from "../../protocol/requests.ts";
import { DeadState } from "./death_reasons.ts";
import type { GroupName } from "./group_commands.ts";
import type { GroupRow, HeldRow, NameColumns, SharedRow, WorkGroupRow } from "./dump_groups.ts";
import type { WaitingJob } from "./group_jobs.ts";
import type { GroupMachine } from "./group_machine.ts";
import { groupKey } from "./group_registry.ts";
import type { GroupState } from "./group_state.ts";
import { type HeldJob, Holder } from "./holder.ts";
import { JOB_STATE, type JobState } from "./job_list.ts";
import type { WorkGroup } from "./work_group.ts";

/** Takes up the jobs of one group. */
interface JobRestorer {
  dead(job: DeadState): void;
  held(job: HeldRow): void;
  /** There are no more rows of it. */
  end(): void;
  /** The reason of a dead job counts from now on. */
  reason(job: DeadState): void;
}

/** A group that goes on. */
class RestoredGroup implements JobRestorer {
  readonly #group: WorkGroup;
  readonly #states: [seq: number, state: JobState][] = [];
  readonly #blocked: WaitingJob[] = [];
  readonly #delays: [offset: number, seq: number][] = [];
  readonly #delayBase: number;
  #holder: Holder | undefined;

  constructor(group: WorkGroup, delayBase: number) {
    this.#group = group;
    this.#delayBase = delayBase;
  }

  holder(holder: Holder): void {
    this.#group.holders.set(holder.name, holder);
    this.#holder = holder;
  }

  held([, seq, claim, attempt, key, since, isGone]: HeldRow): void {
    const { jobs, gone } = this.#group;
    this.#states.push([seq, JOB_STATE.held]);
    jobs.restoreHeld({ seq, claim, attempt, key, holder: this.#holder!, since });
    if (isGone) gone.add(seq);
  }

  dead(job: DeadState): void {
    this.#states.push([job.seq, JOB_STATE.dead]);
    this.#group.jobs.dead.set(job.seq, job);
  }

  waiting(job: WaitingJob): void {
    this.#states.push([job.seq, job.state]);
    if (job.state === JOB_STATE.blocked) this.#blocked.push(job);
    else this.#group.jobs.restoreWaiting(job);
  }

  delay(offset: number, seq: number): void {
    this.#delays.push([offset, seq]);
  }

  end(): void {
    const { jobs } = this.#group;
    this.#states.sort(([one], [other]) => one - other);
    for (const [seq, state] of this.#states) jobs.list.add(seq, state);
    // Only now each key has its owner.
    for (const job of this.#blocked) jobs.restoreWaiting(job);
    jobs.delays.restore(this.#delayBase, this.#delays);
  }

  reason(job: DeadState): void {
    this.#group.jobs.restoreReason(job);
  }
}

/** A group that is deleted. */
class RestoredRemains implements JobRestorer {
  readonly #state: GroupState;
  readonly #id: number;
  readonly #name: GroupName;
  readonly #after: number;
  readonly #held: HeldJob[] = [];
  readonly #dead: DeadState[] = [];
  readonly #holder: Holder;

  constructor(state: GroupState, id: number, name: GroupName, after: number) {
    this.#state = state;
    this.#id = id;
    this.#name = name;
    this.#after = after;
    // Nobody asks for the holder of such a job.
    this.#holder = new Holder(id, "", { lease: 0, timeout: 0, attempts: 0 }, 0);
  }

  held([, seq, claim, attempt, key, since]: HeldRow): void {
    const job = { seq, claim, attempt, key, holder: this.#holder, since };
    this.#held.push(job);
    this.#state.held.set(claim, job);
  }

  dead(job: DeadState): void {
    this.#dead.push(job);
  }

  end(): void {
    this.#state.restoreRemains({
      id: this.#id,
      name: this.#name,
      after: this.#after,
      held: () => this.#held,
      dead: () => this.#dead,
    });
  }

  reason(job: DeadState): void {
    this.#state.reasons.add(job, () => {});
  }
}

/** One restoration. */
class GroupRestorer {
  readonly #state: GroupState;
  readonly #clearTo: [filter: TopicFilter, clearTo: number][] = [];
  readonly #dead: { readonly job: DeadState; readonly of: JobRestorer }[] = [];
  #group: RestoredGroup | undefined;
  #last: JobRestorer | undefined;
  #groups = 0;

  constructor(state: GroupState) {
    this.#state = state;
  }

  take(row: Exclude<GroupRow, SharedRow>): void {
    const state = this.#state;
    switch (row[0]) {
      case "lost":
        for (let i = 1; i < row.length; i++) state.claims.restore(row[i] as number);
        return;
      case "gap":
        return state.claims.restoreGap({ after: row[1], through: row[2] });
      case "abandoned": {
        const [, isPrefix, filter, group, frontier, until] = row;
        const name = nameOf([isPrefix, filter, group]);
        return void state.deleted.set(groupKey(name), { name, frontier, until });
      }
      case "filter": {
        const filter = row[1] ? { prefix: row[2] } : { topic: row[2] };
        state.registry.filterOf(filter);
        return void this.#clearTo.push([filter, row[3]]);
      }
      case "group":
        return this.#begin(this.#group = this.#restoreGroup(row));
      case "remains": {
        const [, isPrefix, filter, group, after] = row;
        const name = nameOf([isPrefix, filter, group]);
        return this.#begin(new RestoredRemains(state, ++this.#groups, name, after));
      }
      case "holder": {
        const [, name, lease, timeout, attempts, until, closed, opening] = row;
        const holder = new Holder(this.#groups, name, { lease, timeout, attempts }, 0);
        Object.assign(holder, { until, closed, opening: opening ?? undefined });
        state.holders++;
        return this.#group!.holder(holder);
      }
      case "held":
        return this.#last!.held(row);
      case "dead": {
        const [, seq, attempt, at] = row;
        const job = new DeadState(seq, attempt, at, "");
        this.#dead.push({ job, of: this.#last! });
        return this.#last!.dead(job);
      }
      case "waiting": {
        const [, seq, state, attempt, key] = row;
        return this.#group!.waiting({ seq, state, attempt, key });
      }
      case "delay":
        return this.#group!.delay(row[1], row[2]);
      case "reason": {
        const { job, of } = this.#dead[row[1]]!;
        job.reason = row[2];
        return of.reason(job);
      }
      default:
        row satisfies never;
    }
  }

  /** There are no more rows; returns the groups. */
  end(): GroupState {
    this.#last?.end();
    // Who makes a group begins anew with that.
    for (const [filter, clearTo] of this.#clearTo) {
      this.#state.registry.filterOf(filter).clearTo = clearTo;
    }
    return this.#state;
  }

  #begin(next: JobRestorer): void {
    this.#last?.end();
    this.#last = next;
  }

  #restoreGroup(row: WorkGroupRow): RestoredGroup {
    const [, isPrefix, filter, name, frontier, usedAt, ...rest] = row;
    const [claimed, done, retried, died, givenUp, delayBase] = rest;
    const group = this.#state.restore(++this.#groups, nameOf([isPrefix, filter, name]), frontier);
    group.usedAt = usedAt;
    Object.assign(group.counts, { claimed, done, retried, died, givenUp });
    return new RestoredGroup(group, delayBase ?? -Infinity);
  }
}

/**
 * Has groups go on exactly where others were.
 *
 * @param groups the groups of a store with the same messages; there are none yet
 * @param rows the rows of a dump of the others
 */
export function restoreGroups(groups: GroupMachine, rows: Iterable<GroupRow>): void {
  let restorer: GroupRestorer | undefined;
  for (const row of rows) {
    if (row[0] === "groups") restorer = new GroupRestorer(restoreShared(groups, row));
    else restorer!.take(row);
  }
  if (restorer) groups.resume(restorer.end());
}

function restoreShared(groups: GroupMachine, row: SharedRow): GroupState {
  const [, claim, forgottenTo, through, leaseClock, leaseClockAt, idleClock, idleClockAt] = row;
  const [nextDue, nextEnd, cleanAt] = row.slice(8) as [number | null, number | null, number];
  const state = groups.makeState({ claim, forgottenTo, through, clock: idleClock });
  Object.assign(state.clock, { now: leaseClock, at: leaseClockAt ?? undefined });
  state.idleClock.at = idleClockAt ?? undefined;
  state.nextDue = nextDue ?? Infinity;
  state.nextEnd = nextEnd ?? Infinity;
  state.cleanAt = cleanAt;
  return state;
}

function nameOf([isPrefix, filter, group]: NameColumns): GroupName {
  return isPrefix ? { prefix: filter, group } : { topic: filter, group };
}
