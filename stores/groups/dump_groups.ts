/**
 * The groups of a store, as rows from which they can go on exactly where they were.
 *
 * Messages are not part of them, nor are the expired ones in their table, nor the seed of the hashes of keys: they are in the database.
 *
 * @module
 */

import type { TopicFilter } from "../../protocol/requests.ts";
import type { DeadState } from "./death_reasons.ts";
import type { GroupName } from "./group_commands.ts";
import type { WaitingJob } from "./group_jobs.ts";
import type { GroupMachine } from "./group_machine.ts";
import type { GroupState } from "./group_state.ts";
import type { HeldJob } from "./holder.ts";
import type { WorkGroup } from "./work_group.ts";

/** What groups share. There is no time where it is `null`: a clock never went, or nothing comes due. */
export type SharedRow = readonly [
  kind: "groups",
  claim: number,
  forgottenTo: number,
  /** See {@linkcode ExpiredJobs.through}. */
  through: number,
  leaseClock: number,
  leaseClockAt: number | null,
  idleClock: number,
  idleClockAt: number | null,
  nextDue: number | null,
  nextEnd: number | null,
  cleanAt: number,
];

/** Some claims that are lost, in the order in which they were. */
export type LostRow = readonly [kind: "lost", ...claims: readonly number[]];

/** Claims that were passed over. */
export type GapRow = readonly [kind: "gap", after: number, through: number];

/** A topic or a prefix, and the name of a group. */
export type NameColumns = readonly [isPrefix: boolean, filter: string, name: string];

/** A group that was deleted because nobody worked on it, the oldest first. */
export type AbandonedRow = readonly [
  kind: "abandoned",
  ...NameColumns,
  frontier: number,
  until: number,
];

/** A topic or a prefix that has groups; their order counts. */
export type FilterRow = readonly [
  kind: "filter",
  isPrefix: boolean,
  filter: string,
  clearTo: number,
];

/** A group; the rows of its holders and jobs follow. */
export type WorkGroupRow = readonly [
  kind: "group",
  ...NameColumns,
  frontier: number,
  usedAt: number,
  claimed: number,
  done: number,
  retried: number,
  died: number,
  givenUp: number,
  /** See {@linkcode DueHeap.base}; `null` if no time ever counted. */
  delayBase: number | null,
];

/** What is left of a group that is deleted; the rows of its held and dead jobs follow. */
export type RemainsRow = readonly [kind: "remains", ...NameColumns, after: number];

/** A holder of the last group; its jobs follow, the one that it has held longest first. */
export type HolderRow = readonly [
  kind: "holder",
  name: string,
  lease: number,
  timeout: number,
  attempts: number,
  until: number,
  closed: boolean,
  opening: number | null,
];

/** A held job of the last holder, or of the last group that is deleted. */
export type HeldRow = readonly [
  kind: "held",
  seq: number,
  claim: number,
  attempt: number,
  key: number,
  since: number,
  /** Its message is gone. */
  isGone: boolean,
];

/** A dead job of the last group, in the order of their deaths. */
export type DeadRow = readonly [kind: "dead", seq: number, attempt: number, at: number];

/** Another job of the last group, in the order of their messages. */
export type WaitingRow = readonly [
  kind: "waiting",
  seq: number,
  state: WaitingJob["state"],
  attempt: number,
  key: number,
];

/** When a job of the last group comes due; see {@linkcode DueHeap.entries}. */
export type DelayRow = readonly [kind: "delay", offset: number, seq: number];

/** Why jobs have died, after all groups, in the order of their deaths. */
export type ReasonRow = readonly [
  kind: "reason",
  /** The place of the job among the rows of dead jobs, from 0 on. */
  dead: number,
  reason: string,
];

/** A row of a dump: first what groups share, at the end the reasons. There is none if there never was a group. */
export type GroupRow =
  | SharedRow
  | LostRow
  | GapRow
  | AbandonedRow
  | FilterRow
  | WorkGroupRow
  | RemainsRow
  | HolderRow
  | HeldRow
  | DeadRow
  | WaitingRow
  | DelayRow
  | ReasonRow;

/** So many claims are in a row. */
const CLAIMS_PER_ROW = 256;

/** One dump. */
class GroupDump {
  readonly #state: GroupState;
  /** The places of dead jobs among the rows of dead jobs. */
  readonly #dead = new Map<DeadState, number>();

  constructor(state: GroupState) {
    this.#state = state;
  }

  *rows(): Generator<GroupRow> {
    const { claims, deleted, registry, remains, reasons } = this.#state;
    yield this.#shared();
    yield* lostRows(claims.remembered);
    for (const { after, through } of claims.gaps) yield ["gap", after, through];
    for (const { name, frontier, until } of deleted.values()) {
      yield ["abandoned", ...nameColumns(name), frontier, until];
    }
    for (const { name, clearTo } of registry.filters()) {
      yield ["filter", ...filterColumns(name), clearTo];
    }
    for (const group of registry.all) yield* this.#group(group);
    for (const { name, after, held, dead } of remains.all) {
      yield ["remains", ...nameColumns(name), after];
      for (const job of held) yield heldRow(job, false);
      yield* this.#deadRows(dead);
    }
    for (const job of reasons.jobs) yield ["reason", this.#dead.get(job)!, job.reason];
  }

  #shared(): SharedRow {
    const { claim, claims, expired, clock, idleClock, nextDue, nextEnd, cleanAt } = this.#state;
    return [
      ...["groups", claim, claims.forgottenTo, expired.through] as const,
      ...[clock.now, clock.at ?? null, idleClock.now, idleClock.at ?? null] as const,
      ...[finite(nextDue), finite(nextEnd), cleanAt] as const,
    ];
  }

  *#group({ name, frontier, usedAt, counts, holders, jobs, gone }: WorkGroup) {
    const { claimed, done, retried, died, givenUp } = counts;
    const counted = [claimed, done, retried, died, givenUp] as const;
    const { delays } = jobs;
    const row = [...nameColumns(name), frontier, usedAt, ...counted, finite(delays.base)] as const;
    yield ["group", ...row] satisfies WorkGroupRow;
    for (const { name, terms, until, closed, opening = null, jobs } of holders.values()) {
      const { lease, timeout, attempts } = terms;
      const row = [name, lease, timeout, attempts, until, closed, opening] as const;
      yield ["holder", ...row] satisfies HolderRow;
      for (const [, job] of jobs) yield heldRow(job, gone.has(job.seq));
    }
    yield* this.#deadRows(jobs.dead.values());
    for (const { seq, state, attempt, key } of jobs.waiting()) {
      yield ["waiting", seq, state, attempt, key] satisfies WaitingRow;
    }
    for (const entry of delays.entries()) yield ["delay", ...entry] satisfies DelayRow;
  }

  *#deadRows(jobs: Iterable<DeadState>): Generator<DeadRow> {
    for (const job of jobs) {
      const { seq, attempt, at } = job;
      this.#dead.set(job, this.#dead.size);
      yield ["dead", seq, attempt, at];
    }
  }
}

/**
 * Dumps groups between two batches of commands, after their events were taken; meanwhile nothing may change. The same state gives the same
 * rows, whatever was before. Numbers of groups are not dumped: they name rows of tables alone.
 *
 * @param groups the groups
 */
export function dumpGroups({ state }: GroupMachine): Iterable<GroupRow> {
  return state ? new GroupDump(state).rows() : [];
}

function* lostRows(claims: Iterable<number>): Generator<LostRow> {
  let some: number[] = [];
  for (const claim of claims) {
    if (some.push(claim) < CLAIMS_PER_ROW) continue;
    yield ["lost", ...some];
    some = [];
  }
  if (some.length > 0) yield ["lost", ...some];
}

function heldRow({ seq, claim, attempt, key, since }: HeldJob, isGone: boolean): HeldRow {
  return ["held", seq, claim, attempt, key, since, isGone];
}

function filterColumns({ topic, prefix }: TopicFilter) {
  return prefix === undefined ? [false, topic] as const : [true, prefix] as const;
}

function nameColumns(name: GroupName): NameColumns {
  return [...filterColumns(name), name.group];
}

/** A time, unless it never comes. JSON has no infinity. */
function finite(time: number): number | null {
  return Number.isFinite(time) ? time : null;
}
