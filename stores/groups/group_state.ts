/**
 * All groups of a store, in memory, as its tables have them.
 *
 * @module
 */

import { RenewedMap } from "../../protocol/renewed_map.ts";
import type { Database } from "../engine.ts";
import type { MessageLog } from "../message_log.ts";
import { DeathReasons } from "./death_reasons.ts";
import { ExpiredJobs } from "./expired_jobs.ts";
import type { GroupName } from "./group_commands.ts";
import { GroupJobs, type JobRecord } from "./group_jobs.ts";
import { GroupMessages } from "./group_messages.ts";
import { groupKey, GroupRegistry } from "./group_registry.ts";
import { type DeletedGroup, GroupRemains } from "./group_remains.ts";
import type { HeldJob, Holder } from "./holder.ts";
import { JobKeeper } from "./job_keeper.ts";
import { IDLE_STEP, LeaseClock } from "./lease_clock.ts";
import { LostClaims, type LostClaimsRecorder } from "./lost_claims.ts";
import type { ChangedGroup, SharedGroupState } from "./shared_group_state.ts";
import { WorkGroup } from "./work_group.ts";

/** Claims begin at the time: so they also grow if a store begins anew, or a copy of it is taken from before. */
export const CLAIMS_PER_MS = 1000;

/** How much groups may take. */
export interface GroupLimits {
  /** How many groups there may be. */
  readonly groups: number;
  /** How many unfinished jobs a group may have. */
  readonly unfinished: number;
  /** How many bytes expired messages may count that groups have not finished. */
  readonly groupBytes: number;
  /** For how many milliseconds a group is kept on which nobody works. */
  readonly groupRetention: number;
}

/** Writes down changes, for the tables of a file. */
export interface GroupRecorder extends LostClaimsRecorder {
  /** A group was made, or has changed. */
  group(group: ChangedGroup): void;
  /** A group was deleted, and there may be much to remove of it. */
  groupDeleted(group: WorkGroup): void;
  /** Deletes rows of jobs of a deleted group, at most so many, at once. Returns how many. */
  removeJobs(group: number, max: number): number;
  /** Nothing is left of a deleted group. */
  groupRemoved(group: number): void;
  /** A job has changed; without a record it is finished. */
  job(group: number, seq: number, record: JobRecord | undefined): void;
  /** A holder was opened, or is forgotten. */
  holder(group: number, holder: Holder, isThere: boolean): void;
  /** A deleted group is remembered; without a frontier it is forgotten. */
  deleted(name: GroupName, frontier: number | undefined, until: number): void;
}

/** What a file has of groups besides themselves. */
export interface SavedGroupState {
  /** The last claim. */
  readonly claim: number;
  /** See {@linkcode LostClaims.forgottenTo}. */
  readonly forgottenTo: number;
  /** See {@linkcode ExpiredJobs.through}. */
  readonly through: number;
  /** The time of the clock for groups on which nobody works, in milliseconds. */
  readonly clock: number;
}

/** A group that was deleted because nobody worked on it. */
interface AbandonedGroup {
  readonly name: GroupName;
  readonly frontier: number;
  /** It is remembered until then, by the clock for such groups. */
  readonly until: number;
}

/** The groups, and what they share. */
export class GroupState implements SharedGroupState {
  readonly registry: GroupRegistry = new GroupRegistry();
  readonly clock: LeaseClock = new LeaseClock();
  readonly idleClock: LeaseClock = new LeaseClock(IDLE_STEP);
  readonly expired: ExpiredJobs;
  readonly messages: GroupMessages;
  readonly keeper: JobKeeper;
  readonly held: RenewedMap<number, HeldJob> = new RenewedMap();
  readonly lost: Pick<LostClaims, "has" | "add">;
  readonly claims: LostClaims;
  /** Groups to which something has happened that nobody was told yet. */
  readonly touched: Set<ChangedGroup> = new Set();
  readonly limits: GroupLimits;
  readonly recorder: GroupRecorder | undefined;
  /** By their keys, those that were deleted because nobody worked on them, the oldest first. */
  readonly deleted: Map<string, AbandonedGroup> = new Map();
  /** How many holders there are. */
  holders = 0;
  /** No delayed job comes due before this time. */
  nextDue = Infinity;
  /** No lease ends before this time, by the clock of leases. */
  nextEnd = Infinity;
  /** By the clock for groups on which nobody works: then it is looked for what is over for long. */
  cleanAt = 0;
  /** The last claim. */
  claim: number;
  readonly reasons: DeathReasons = new DeathReasons();
  readonly remains: GroupRemains = new GroupRemains({
    lose: (job) => {
      this.held.delete(job.claim);
      this.lost.add(job.claim);
    },
    forget: (job) => this.reasons.remove(job),
    release: (name, after, max) => this.#release(name, after, max),
    removeRows: (id, max) => this.recorder?.removeJobs(id, max) ?? 0,
    onRemoved: (id) => this.recorder?.groupRemoved(id),
  });
  #nextId = 1;
  readonly #log: MessageLog;

  /**
   * Has no groups.
   *
   * @param db the database of the log
   * @param log the messages
   * @param limits how much groups may take
   * @param saved what was saved; or what a new store begins with
   * @param recorder writes down changes. Default: nobody does
   */
  constructor(
    db: Database,
    log: MessageLog,
    limits: GroupLimits,
    saved: SavedGroupState,
    recorder?: GroupRecorder,
  ) {
    this.#log = log;
    this.limits = limits;
    this.recorder = recorder;
    this.claim = saved.claim;
    this.idleClock.now = saved.clock;
    this.expired = new ExpiredJobs(db, saved.through);
    this.messages = new GroupMessages(db, log, this.expired);
    this.keeper = new JobKeeper(
      log,
      this.registry,
      this.expired,
      this.messages,
      limits.groupBytes,
    );
    const claims = this.claims = new LostClaims(saved.forgottenTo, recorder);
    this.lost = {
      // Nobody had a claim that was never given; and what another group holds is not for this one to finish.
      has: (claim) => claim > this.claim || this.held.get(claim) !== undefined || claims.has(claim),
      add: (claim) => claims.add(claim),
    };
  }

  get maxUnfinished(): number {
    return this.limits.unfinished;
  }

  /** The claims of a time begin. */
  advanceClaims(now: number): void {
    this.claim = Math.max(this.claim, now * CLAIMS_PER_MS);
  }

  /** The groups go on at a time, in a file that was closed: others may have given claims since, if it is a copy. */
  skipClaims(now: number): void {
    const { claim } = this;
    this.advanceClaims(now);
    if (this.claim > claim) this.claims.skip(claim, this.claim);
  }

  nextClaim(): number {
    return ++this.claim;
  }

  keyOf(topic: string, key: string): number {
    return this.#log.ids.hashOf(topic, key);
  }

  touch(group: ChangedGroup): void {
    this.touched.add(group);
    // What it counts changes with it.
    this.recorder?.group(group);
  }

  onReleased({ topic }: GroupName, seq: number): void {
    if (seq > this.expired.through) return;
    // Of a prefix, the row says of which topic it is.
    const name = topic ?? this.expired.topicOf(seq);
    if (name !== undefined) this.keeper.release(seq, name);
  }

  onDelayed(due: number): void {
    if (due < this.nextDue) this.nextDue = due;
  }

  onHeld(end: number): void {
    if (end < this.nextEnd) this.nextEnd = end;
  }

  onHolder(group: number, holder: Holder, isThere: boolean): void {
    this.recorder?.holder(group, holder, isThere);
  }

  /** Makes a group that begins after a number. */
  add(name: GroupName, frontier: number): WorkGroup {
    if (this.registry.size === 0) {
      this.expired.through = this.#log.range.floor;
      this.#log.neededAfter = this.expired.through;
    }
    const group = this.restore(this.#nextId, name, frontier);
    this.recorder?.group(group);
    return group;
  }

  /** Takes up a group as it was stored. */
  restore(id: number, name: GroupName, frontier: number): WorkGroup {
    const { recorder } = this;
    const changed = recorder &&
      ((seq: number, record?: JobRecord) => recorder.job(id, seq, record));
    const jobs = new GroupJobs(this.held, this.reasons, changed);
    const filter = this.registry.filterOf(name);
    const group = new WorkGroup(id, name, filter, frontier, this, jobs);
    this.registry.add(group);
    // It may need what no other one does.
    filter.clearTo = 0;
    this.#nextId = Math.max(this.#nextId, id) + 1;
    return group;
  }

  /** Removes a group. What is left of it is removed by {@linkcode GroupState.removeRemains}. */
  remove(group: WorkGroup): void {
    const { id, name } = group;
    this.registry.remove(group);
    this.holders -= group.holders.size;
    this.touched.delete(group);
    this.recorder?.groupDeleted(group);
    const [held, dead] = [() => group.held(), () => group.jobs.dead.values()];
    this.remains.add({ id, name, held, dead });
    if (this.registry.size > 0) return;
    this.#log.neededAfter = this.nextDue = this.nextEnd = Infinity;
  }

  /** Remembers how far a group has come that nobody works on. */
  remember({ name, frontier }: WorkGroup): void {
    const key = groupKey(name);
    const until = this.idleClock.now + this.limits.groupRetention;
    this.deleted.delete(key);
    this.deleted.set(key, { name, frontier, until });
    this.recorder?.deleted(name, frontier, until);
    const [oldest] = this.deleted;
    if (this.deleted.size > this.limits.groups) this.forget(...oldest!);
  }

  /** Forgets such a group. */
  forget(key: string, { name, until }: AbandonedGroup): void {
    this.deleted.delete(key);
    this.recorder?.deleted(name, undefined, until);
  }

  /** Takes up what is left of a group that was deleted. */
  restoreRemains(group: DeletedGroup): void {
    this.remains.add(group);
    this.#nextId = Math.max(this.#nextId, group.id) + 1;
  }

  /** Removes some of what is left of deleted groups. */
  removeRemains(): void {
    this.#log.transaction(() => this.remains.removeSome());
  }

  #release(name: GroupName, after: number, max: number) {
    const page = this.expired.seqs(name, after, this.expired.through, max);
    for (const { seq, topic } of page) this.keeper.release(seq, topic);
    return { count: page.length, after: page.at(-1)?.seq ?? after };
  }
}
