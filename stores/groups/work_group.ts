/**
 * One group: its messages, its holders and their jobs.
 *
 * @module
 */

import { NameMap } from "../../protocol/name_map.ts";
import type { TopicMessage } from "../queries.ts";
import type {
  ClaimedJob,
  ClaimedJobs,
  ClaimJobs,
  ExtendedLease,
  ExtendLease,
  FinishedJobs,
  FinishJobs,
  GroupName,
  OpenedHolder,
  OpenHolder,
} from "./group_commands.ts";
import type { GroupFilter } from "./group_registry.ts";
import type { GroupMessages } from "./group_messages.ts";
import { GroupJobs } from "./group_jobs.ts";
import { type HeldJob, Holder } from "./holder.ts";
import { JOB_STATE } from "./job_list.ts";
import type { LeaseClock } from "./lease_clock.ts";
import type { LostClaims } from "./lost_claims.ts";
import { workAttributes } from "./work_attributes.ts";

/** What all groups of a store share. */
export interface SharedGroupState {
  readonly messages: GroupMessages;
  /** Groups to which something has happened. */
  readonly touched: Set<WorkGroup>;
  readonly clock: LeaseClock;
  /** The claims whose leases have ended. */
  readonly lost: Pick<LostClaims, "has" | "add">;
  /** How many unfinished jobs a group may have. */
  readonly maxUnfinished: number;
  /** A number for the next claim. */
  nextClaim(): number;
  /** Names a key of a topic; never 0. */
  keyOf(topic: string, key: string): number;
  /** A group does not need a message any more. */
  onReleased(filter: GroupName, seq: number): void;
  /** A job comes due at this time. */
  onDelayed(due: number): void;
  /** A lease, or the time for a job, may end then, by the clock of leases. */
  onHeld(end: number): void;
  /** The holder's row is to be stored, or deleted. */
  onHolder(group: WorkGroup, holder: Holder, isThere: boolean): void;
  /** How many holders there are. */
  holders: number;
}

/** What has happened to a group since it was asked last. */
export interface GroupNews {
  ready: boolean;
  dead: number;
  givenUp: number;
}

/** What a group has counted. */
export interface GroupCounts {
  claimed: number;
  done: number;
  retried: number;
  died: number;
  givenUp: number;
}

/** A claim reads at most this many messages that it only sets aside. */
const MAX_SET_ASIDE = 4096;

/** At most this many messages are read at once. */
const PAGE = 1024;

/** Why a job has died that nobody has finished. */
const [LEASE_ENDED, TIMED_OUT] = [
  "the lease ended, and its worker had not finished it",
  "its worker had not finished it in time",
];

/** A group of workers. */
export class WorkGroup {
  readonly id: number;
  readonly name: GroupName;
  /** Counts the messages of what it works on. */
  readonly filter: GroupFilter;
  readonly jobs: GroupJobs;
  readonly holders: NameMap<Holder> = new NameMap();
  readonly counts: GroupCounts = { claimed: 0, done: 0, retried: 0, died: 0, givenUp: 0 };
  /** Beyond it everything waits. */
  frontier: number;
  /** When somebody worked on it last, by the clock of leases. */
  usedAt: number;
  /** How many of the messages that its filter has counted do not wait; `undefined`: nobody knows. */
  passed: number | undefined;
  /** A claim has found more than the list has room for. */
  stalled = false;
  readonly #shared: SharedGroupState;
  #news: GroupNews = { ready: false, dead: 0, givenUp: 0 };

  /**
   * Makes a group without jobs.
   *
   * @param id its number, for the tables
   * @param name its name
   * @param filter what it works on
   * @param frontier where it begins
   * @param shared what all groups share
   * @param jobs its list
   */
  constructor(
    id: number,
    name: GroupName,
    filter: GroupFilter,
    frontier: number,
    shared: SharedGroupState,
    jobs: GroupJobs,
  ) {
    this.id = id;
    this.name = name;
    this.filter = filter;
    this.frontier = frontier;
    this.jobs = jobs;
    this.#shared = shared;
    this.usedAt = shared.clock.now;
  }

  /** What has happened; whoever asks may add to it. */
  get news(): GroupNews {
    this.#shared.touched.add(this);
    return this.#news;
  }

  /** Takes what has happened, if anything has. */
  takeNews(): GroupNews | undefined {
    const news = this.#news;
    if (!news.ready && news.dead === 0 && news.givenUp === 0) return undefined;
    this.#news = { ready: false, dead: 0, givenUp: 0 };
    return news;
  }

  /** How many messages wait beyond the frontier. */
  get waiting(): number {
    this.passed ??= this.filter.stored - this.#shared.messages.count(this.name, this.frontier);
    return this.filter.stored - this.passed;
  }

  /** Whether it has not finished a message of what it works on. */
  needs(seq: number): boolean {
    return seq > this.frontier || this.jobs.list.state(seq) !== JOB_STATE.none;
  }

  /** Opens a holder, or goes on with it. */
  open({ holder: name, lease, timeout, attempts, holding }: OpenHolder): OpenedHolder {
    const { clock, messages } = this.#shared;
    const terms = { lease, timeout, attempts };
    const known = this.holders.get(name);
    const jobs: ClaimedJob[] = [];
    if (known) {
      const claims = new Set(holding);
      for (const job of known.jobs) {
        if (claims.has(job.claim)) continue;
        const message = messages.at(this.name, job.seq);
        if (message) jobs.push({ message, claim: job.claim, attempt: job.attempt });
      }
    }
    const holder = known ?? new Holder(name, terms, clock.now);
    holder.terms = terms;
    holder.closed = false;
    holder.extend(clock.now);
    if (!known) {
      this.holders.set(name, holder);
      this.#shared.holders++;
    }
    this.#shared.onHolder(this, holder, true);
    this.#shared.onHeld(holder.nextEnd);
    const lost = holding.filter((claim) => this.jobs.held.get(claim)?.holder !== holder);
    return { lost, jobs };
  }

  /** Takes up a holder as it was stored. */
  restoreHolder(holder: Holder): void {
    this.holders.set(holder.name, holder);
    this.#shared.holders++;
  }

  /** A holder takes no more jobs. */
  close(name: string): void {
    const holder = this.holders.get(name);
    if (!holder) return;
    holder.closed = true;
    this.#forgetIfDone(holder);
  }

  #forgetIfDone(holder: Holder): void {
    if (holder.closed && holder.jobs.size === 0) this.#forget(holder);
  }

  #forget(holder: Holder): void {
    this.holders.delete(holder.name);
    this.#shared.holders--;
    this.#shared.onHolder(this, holder, false);
  }

  /** Gives jobs to holders, the oldest first, in turn. */
  claim({ holders, bytes }: ClaimJobs, now: number): ClaimedJobs {
    const ended: number[] = [];
    const takers = new Takers();
    const given: ClaimedJob[][] = holders.map(({ holder: name, count }, i) => {
      const holder = this.holders.get(name);
      const jobs: ClaimedJob[] = [];
      if (!holder) ended.push(i);
      else takers.add(holder, count, jobs);
      return jobs;
    });
    const { clock } = this.#shared;
    let left = bytes;
    const give = (message: TopicMessage, key: number) => {
      const { holder, jobs } = takers.next();
      const claim = this.#shared.nextClaim();
      const { attempt, deadline } = this.jobs.hold(message.seq, key, claim, holder, clock.now);
      this.#shared.onHeld(Math.min(holder.until, deadline));
      jobs.push({ message, claim, attempt });
      left -= message.bytes;
    };
    const fits = (message: TopicMessage) => left === bytes || message.bytes <= left;
    let more = false;
    try {
      more = this.#claimReady(takers, give, fits) ||
        this.#claimWaiting(takers, give, fits, () => left, now);
    } catch (error) {
      // What was given has left its place: it must reach its holders.
      if (given.every((jobs) => jobs.length === 0)) throw error;
      more = true;
    }
    for (const jobs of given) this.counts.claimed += jobs.length;
    return { jobs: given, more, ended };
  }

  /** Gives jobs that were given back, or have come due. Returns whether it has stopped before the last of them. */
  #claimReady(takers: Takers, give: Give, fits: Fits): boolean {
    const { jobs } = this;
    for (let seq; (seq = jobs.nextReady) !== undefined;) {
      if (takers.count === 0) return true;
      const message = this.#shared.messages.at(this.name, seq);
      if (!message) {
        this.#drop(seq);
        continue;
      }
      if (!fits(message)) return true;
      const key = this.#keyOf(message);
      if (jobs.begin(seq, key)) give(message, key);
    }
    return false;
  }

  /** The same for messages beyond the frontier, which moves behind them. */
  #claimWaiting(
    takers: Takers,
    give: Give,
    fits: Fits,
    left: () => number,
    now: number,
  ): boolean {
    const { jobs, name } = this;
    const { messages, maxUnfinished } = this.#shared;
    this.stalled = false;
    for (let setAside = 0; takers.count > 0 && setAside < MAX_SET_ASIDE;) {
      const room = maxUnfinished - jobs.list.size;
      const count = Math.min(Math.max(takers.count, 1), PAGE);
      const page = messages.page(name, this.frontier, count, Math.max(left(), 1));
      if (page.messages.length > 0 && room <= 0) {
        this.stalled = true;
        return false;
      }
      for (const message of page.messages.slice(0, room)) {
        if (!fits(message)) return true;
        const { key, delay } = workAttributes(message.attributes);
        const due = message.time + delay;
        const hash = key === undefined ? 0 : this.#shared.keyOf(message.topic, key);
        if (due > now) {
          jobs.delay(message.seq, due);
          this.#shared.onDelayed(due);
          setAside++;
        } else if (jobs.begin(message.seq, hash)) give(message, hash);
        else setAside++;
        this.#pass(message.seq);
      }
      if (page.messages.length > room) continue;
      this.frontier = Math.max(this.frontier, page.through);
      if (page.messages.length === 0 && !page.more) return false;
    }
    return true;
  }

  #pass(seq: number): void {
    this.frontier = seq;
    if (this.passed !== undefined) this.passed++;
  }

  #keyOf({ topic, attributes }: TopicMessage): number {
    const { key } = workAttributes(attributes);
    return key === undefined ? 0 : this.#shared.keyOf(topic, key);
  }

  /** Finishes jobs, and says what became of those that could not be. */
  finish({ done, outcomes }: FinishJobs, now: number): FinishedJobs {
    const [lost, dead]: [number[], number[]] = [[], []];
    const find = (claim: number): HeldJob | undefined => {
      const job = this.jobs.held.get(claim);
      if (!job && this.#shared.lost.has(claim)) lost.push(claim);
      job?.holder.extend(this.#shared.clock.now);
      return job;
    };
    for (const claim of done) {
      const job = find(claim);
      if (!job) continue;
      this.counts.done++;
      this.#finish(job);
    }
    for (const { claim, outcome, delay = 0, reason = "" } of outcomes) {
      const job = find(claim);
      if (!job) continue;
      if (outcome === "release") this.#giveBack(job, job.attempt - 1);
      else if (outcome === "dead" || this.#isLastAttempt(job)) {
        dead.push(claim);
        this.#die(job, now, reason);
      } else {
        this.counts.retried++;
        this.#giveBack(job, job.attempt, delay > 0 ? now + delay : undefined);
      }
      this.#forgetIfDone(job.holder);
    }
    return { lost, dead };
  }

  #isLastAttempt({ attempt, holder }: HeldJob): boolean {
    return attempt >= holder.terms.attempts;
  }

  #finish(job: HeldJob): void {
    if (this.jobs.finish(job)) this.news.ready = true;
    this.#onRoom();
    this.#shared.onReleased(this.name, job.seq);
    this.#forgetIfDone(job.holder);
  }

  #giveBack(job: HeldJob, attempt: number, due?: number): void {
    this.jobs.giveBack(job, attempt, due);
    if (due === undefined) this.news.ready = true;
    else this.#shared.onDelayed(due);
  }

  #die(job: HeldJob, now: number, reason: string): void {
    this.counts.died++;
    this.news.dead++;
    if (this.jobs.die(job, now, reason)) this.news.ready = true;
  }

  /** Renews leases. */
  extend({ holder: name, claims }: ExtendLease): ExtendedLease {
    const now = this.#shared.clock.now;
    const lost: number[] = [];
    const holder = name === undefined ? undefined : this.holders.get(name);
    holder?.extend(now);
    for (const claim of claims) {
      const job = this.jobs.held.get(claim);
      if (job) job.holder.extend(now);
      else if (this.#shared.lost.has(claim)) lost.push(claim);
    }
    return { lost, ended: name !== undefined && !holder };
  }

  /** Ends the lease of a holder, and the time for its jobs, as far as they have ended; returns when the next one does. */
  end(holder: Holder, now: number): number {
    const { clock } = this.#shared;
    const isOver = holder.until <= clock.now;
    for (let job; (job = holder.oldest) && (isOver || job.deadline <= clock.now);) {
      this.#shared.lost.add(job.claim);
      if (this.#isLastAttempt(job)) this.#die(job, now, isOver ? LEASE_ENDED : TIMED_OUT);
      else {
        this.counts.retried++;
        this.#giveBack(job, job.attempt);
      }
    }
    if (isOver) this.#forget(holder);
    else this.#forgetIfDone(holder);
    return this.holders.get(holder.name) === holder ? holder.nextEnd : Infinity;
  }

  /** Has what is due by a time be ready. */
  comeDue(now: number): void {
    if (this.jobs.comeDue(now)) this.news.ready = true;
  }

  /** Deletes the jobs that have been dead since a time. Returns when the next one has been for as long. */
  forgetDead(since: number): number {
    for (const [seq, { at }] of this.jobs.dead) {
      if (at > since) return at;
      this.#drop(seq);
      this.#shared.onReleased(this.name, seq);
    }
    return Infinity;
  }

  /** Has dead jobs be worked again; returns how many. */
  redrive(seq?: number): number {
    const found = seq === undefined ? [...this.jobs.dead.keys()] : [seq];
    const dead = found.filter((one) => this.jobs.dead.has(one));
    for (const one of dead) this.jobs.revive(one);
    if (dead.length > 0) this.news.ready = true;
    return dead.length;
  }

  /** Messages up to a number were purged: jobs without a message are dropped. */
  dropPurged(upTo: number): void {
    const { list } = this.jobs;
    for (const seq of list.between(0, upTo)) {
      const isHeld = list.state(seq) === JOB_STATE.held;
      if (!isHeld && !this.#shared.messages.at(this.name, seq)) this.#drop(seq);
    }
    // Nobody knows how many of the others had waited.
    this.passed = undefined;
  }

  /** A message is gone before its time. What somebody holds stays with its holder. Returns whether it was still to be worked. */
  giveUp(seq: number): boolean {
    const isListed = seq <= this.frontier;
    if (!isListed && this.passed !== undefined) this.passed++;
    const state = this.jobs.list.state(seq);
    if (isListed && (state === JOB_STATE.none || state === JOB_STATE.held)) return false;
    if (isListed) this.#drop(seq);
    return true;
  }

  #drop(seq: number): void {
    if (this.jobs.drop(seq)) this.news.ready = true;
    this.#onRoom();
  }

  /** The list has room again: what waits can be claimed. */
  #onRoom(): void {
    if (!this.stalled) return;
    this.stalled = false;
    this.news.ready = true;
  }
}

type Give = (message: TopicMessage, key: number) => void;
type Fits = (message: TopicMessage) => boolean;

/** A holder that takes jobs, and how many. */
interface Taker {
  readonly holder: Holder;
  readonly jobs: ClaimedJob[];
  left: number;
}

/** The holders that take jobs, in turn. */
class Takers {
  readonly #takers: Taker[] = [];
  #next = 0;
  /** How many jobs they take in all. */
  count = 0;

  add(holder: Holder, left: number, jobs: ClaimedJob[]): void {
    if (left <= 0) return;
    this.#takers.push({ holder, left, jobs });
    this.count += left;
  }

  /** Whose turn it is. There must be one that takes jobs. */
  next(): Taker {
    const taker = this.#takers[this.#next]!;
    this.count--;
    if (--taker.left === 0) this.#takers.splice(this.#next, 1);
    else this.#next++;
    if (this.#next >= this.#takers.length) this.#next = 0;
    return taker;
  }
}
