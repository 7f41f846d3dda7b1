/**
 * The groups of a file, as rows of its tables.
 *
 * @module
 */

import type { Database, Statement } from "../engine.ts";
import type { GroupName } from "./group_commands.ts";
import type { JobRecord } from "./group_jobs.ts";
import type { GroupRecorder, GroupState, SavedGroupState } from "./group_state.ts";
import { GROUP_SCHEMA, GROUP_STATEMENTS, type GroupStatement } from "./group_schema.ts";
import type { Holder } from "./holder.ts";
import { DELETED, loadGroups } from "./load_groups.ts";
import type { ClaimGap } from "./lost_claims.ts";
import type { ChangedGroup } from "./shared_group_state.ts";
import type { WorkGroup } from "./work_group.ts";

/** About how many bytes of a database a row takes. */
const ROW_BYTES = 100;

/** Writes down what changes, and saves it with the next commit. */
export class GroupRows implements GroupRecorder {
  readonly #db: Database;
  #groups = new Set<ChangedGroup>();
  #removed: number[] = [];
  #jobs = new Map<number, Map<number, JobRecord | undefined>>();
  #holders: [group: number, holder: Holder, isThere: boolean][] = [];
  #claims = new Map<number, boolean>();
  #claimGaps: [gap: ClaimGap, isThere: boolean][] = [];
  #deleted: [name: GroupName, frontier: number | undefined, until: number][] = [];
  #prepared: Record<GroupStatement, Statement> | undefined;

  /**
   * Makes the tables.
   *
   * @param db an open database
   */
  constructor(db: Database) {
    this.#db = db;
    db.exec(GROUP_SCHEMA);
  }

  group(group: ChangedGroup): void {
    this.#groups.add(group);
  }

  groupDeleted(group: WorkGroup): void {
    group.usedAt = DELETED;
    this.#groups.add(group);
    // What became of its jobs is written: their rows tell, until they are removed, which claims are lost.
    this.#holders = this.#holders.filter(([id]) => id !== group.id);
  }

  removeJobs(group: number, max: number): number {
    const [{ n, last }] = this.#sql.jobPage.all(group, max) as [{ n: number; last: number | null }];
    if (last !== null) this.#sql.removeJobs.run(group, last);
    return n;
  }

  groupRemoved(group: number): void {
    // The reason of one of its dead jobs may have been forgotten.
    this.#jobs.delete(group);
    this.#removed.push(group);
  }

  job(group: number, seq: number, record: JobRecord | undefined): void {
    let jobs = this.#jobs.get(group);
    if (!jobs) this.#jobs.set(group, jobs = new Map());
    jobs.set(seq, record);
  }

  holder(group: number, holder: Holder, isThere: boolean): void {
    this.#holders.push([group, holder, isThere]);
  }

  claim(claim: number, isLost: boolean): void {
    this.#claims.set(claim, isLost);
  }

  claimGap(gap: ClaimGap, isThere: boolean): void {
    this.#claimGaps.push([gap, isThere]);
  }

  deleted(name: GroupName, frontier: number | undefined, until: number): void {
    this.#deleted.push([name, frontier, until]);
  }

  /** What was saved besides groups, if there ever was one. */
  get savedState(): SavedGroupState | undefined {
    const [row] = this.#db.prepare(
      "SELECT claim, forgotten_to AS forgottenTo, through, clock FROM group_state",
    ).all() as [SavedGroupState?];
    return row;
  }

  /** Takes up the groups of the tables. All leases begin anew. */
  loaded(state: GroupState): GroupState {
    const lost = loadGroups(this.#db, state);
    this.forget();
    for (const claim of lost) state.claims.add(claim);
    return state;
  }

  /** Saves what has changed since the last commit; returns how many bytes of the database that takes. */
  save(state: GroupState | undefined): number {
    if (!state) return 0;
    const sql = this.#sql;
    const { claim, idleClock, expired, claims } = state;
    // Always: what has expired is moved also if no group changes.
    sql.state.run(claim, claims.forgottenTo, expired.through, Math.floor(idleClock.now));
    if (!this.#hasChanges) return ROW_BYTES;
    let rows = 1;
    for (const id of this.#removed) {
      for (const each of [sql.removeGroup, sql.removeHolders]) each.run(id);
      rows++;
    }
    for (const group of this.#groups) {
      if (this.#removed.includes(group.id)) continue;
      const { id, name, frontier, usedAt, counts } = group;
      const { claimed, done, retried, died, givenUp } = counts;
      const named = [name.prefix === undefined ? 0 : 1, name.topic ?? name.prefix!, name.group];
      const used = Math.floor(usedAt);
      sql.group.run(id, ...named, frontier, used, claimed, done, retried, died, givenUp);
      rows++;
    }
    for (const [group, holder, isThere] of this.#holders) {
      const { name, terms: { lease, timeout, attempts } } = holder;
      if (isThere) sql.holder.run(group, name, lease, timeout, attempts);
      else sql.removeHolder.run(group, name);
      rows++;
    }
    for (const [group, jobs] of this.#jobs) rows += this.#saveJobs(group, jobs);
    rows += this.#saveClaims();
    for (const [{ topic, prefix, group }, frontier, until] of this.#deleted) {
      const named = [prefix === undefined ? 0 : 1, topic ?? prefix!, group];
      sql.removeDeleted.run(...named);
      if (frontier !== undefined) sql.deleted.run(...named, frontier, until);
      rows++;
    }
    return rows * ROW_BYTES;
  }

  /** What was written down is saved, or undone. */
  forget(): void {
    if (!this.#hasChanges) return;
    this.#groups = new Set();
    this.#removed = [];
    this.#jobs = new Map();
    this.#holders = [];
    this.#claims = new Map();
    this.#claimGaps = [];
    this.#deleted = [];
  }

  get #hasChanges(): boolean {
    return this.#groups.size > 0 || this.#jobs.size > 0 || this.#removed.length > 0 ||
      this.#holders.length > 0 || this.#claims.size > 0 || this.#deleted.length > 0 ||
      this.#claimGaps.length > 0;
  }

  #saveJobs(group: number, jobs: ReadonlyMap<number, JobRecord | undefined>): number {
    const finished: number[] = [];
    const changed: unknown[] = [];
    for (const [seq, record] of jobs) {
      if (!record) {
        finished.push(seq);
        continue;
      }
      const { state, attempt, key, at, claim, holder, reason } = record;
      // As JSON: SQLite's texts end at the first zero.
      const text = reason === undefined ? undefined : JSON.stringify(reason);
      changed.push([seq, state, attempt, key, at, claim, holder?.name, text]);
    }
    if (finished.length > 0) this.#sql.finishJobs.run(group, JSON.stringify(finished));
    if (changed.length > 0) this.#sql.jobs.run(group, JSON.stringify(changed));
    return finished.length + changed.length;
  }

  #saveClaims(): number {
    const sql = this.#sql;
    const [lost, forgotten]: [number[], number[]] = [[], []];
    for (const [claim, isLost] of this.#claims) (isLost ? lost : forgotten).push(claim);
    if (lost.length > 0) sql.claims.run(JSON.stringify(lost));
    if (forgotten.length > 0) sql.removeClaims.run(JSON.stringify(forgotten));
    for (const [{ after, through }, isThere] of this.#claimGaps) {
      if (isThere) sql.claimGap.run(after, through);
      else sql.removeClaimGap.run(after);
    }
    return lost.length + forgotten.length + this.#claimGaps.length;
  }

  /** Prepared by the first group: most files have none. */
  get #sql(): Record<GroupStatement, Statement> {
    return this.#prepared ??= Object.fromEntries(
      Object.entries(GROUP_STATEMENTS).map(([name, sql]) => [name, this.#db.prepare(sql)]),
    ) as Record<GroupStatement, Statement>;
  }
}
