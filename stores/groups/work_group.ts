/**
 * One group: its messages, its holders and their jobs.
 *
 * @module
 */

import { NameMap } from "../../protocol/name_map.ts";
import type {
  ExtendedLease,
  ExtendLease,
  FinishedJobs,
  FinishJobs,
  GroupName,
  OpenedHolder,
  OpenHolder,
} from "./group_commands.ts";
import type { GroupJobs } from "./group_jobs.ts";
import { type HeldJob, Holder } from "./holder.ts";
import { JOB_STATE } from "./job_list.ts";
import { jobsToTell } from "./jobs_to_tell.ts";
import type { GroupCounts, GroupNews, SharedGroupState } from "./shared_group_state.ts";
import { type MessageCount, WaitingCount } from "./waiting_count.ts";

/** Why a job has died. */
const [LEASE_ENDED, TIMED_OUT] = [
  "the lease ended, and its worker had not finished it",
  "its worker had not finished it in time",
];

/** A group of workers. */
export class WorkGroup {
  readonly id: number;
  readonly name: GroupName;
  readonly jobs: GroupJobs;
  readonly holders: NameMap<Holder> = new NameMap();
  readonly counts: GroupCounts = { claimed: 0, done: 0, retried: 0, died: 0, givenUp: 0 };
  /** Beyond it everything waits. */
  frontier: number;
  /** When somebody worked on it last, by the clock for that. */
  usedAt: number;
  /** How many messages are after the frontier. */
  readonly waiting: WaitingCount;
  /** Jobs that are held, and whose messages are gone: nobody gets them again. */
  readonly #gone = new Set<number>();
  readonly #shared: SharedGroupState;
  #news: GroupNews = { ready: false, dead: 0, givenUp: 0 };

  /**
   * Makes a group without jobs.
   *
   * @param id its number, for the tables
   * @param name its name
   * @param filter counts the messages of what it works on
   * @param frontier where it begins
   * @param shared what all groups share
   * @param jobs its list
   */
  constructor(
    id: number,
    name: GroupName,
    filter: MessageCount,
    frontier: number,
    shared: SharedGroupState,
    jobs: GroupJobs,
  ) {
    this.id = id;
    this.name = name;
    this.frontier = frontier;
    this.jobs = jobs;
    this.#shared = shared;
    this.usedAt = shared.idleClock.now;
    this.waiting = new WaitingCount(filter, () => shared.messages.count(name, this.frontier));
  }

  /** What has happened; whoever asks may add to it. */
  get news(): GroupNews {
    this.#shared.touch(this);
    return this.#news;
  }

  /** Takes what has happened, if anything has. */
  takeNews(): GroupNews | undefined {
    const news = this.#news;
    if (!news.ready && news.dead === 0 && news.givenUp === 0) return undefined;
    this.#news = { ready: false, dead: 0, givenUp: 0 };
    return news;
  }

  /** Its list has no room: no new messages are taken. */
  get isFull(): boolean {
    return this.jobs.list.size >= this.#shared.maxUnfinished;
  }

  /** Whether it has not finished a message of what it works on. */
  needs(seq: number): boolean {
    return seq > this.frontier || this.jobs.list.state(seq) !== JOB_STATE.none;
  }

  /** Opens a holder, or goes on with it. */
  open({ holder: name, lease, timeout, attempts, holding, bytes }: OpenHolder): OpenedHolder {
    const { clock, messages, lost: lostClaims } = this.#shared;
    const terms = { lease, timeout, attempts };
    const known = this.holders.get(name);
    const { unknown: jobs, left } = jobsToTell(
      known ? known.jobs : [],
      new Set(holding.map((claim) => this.jobs.held.get(claim))),
      bytes,
      (seq) => messages.at(this.name, seq),
    );
    const holder = known ?? new Holder(name, terms, clock.now);
    holder.terms = terms;
    // First: one that is closed is forgotten with its last job.
    holder.closed = false;
    for (const job of left) {
      lostClaims.add(job.claim);
      this.#giveBack(job, job.attempt - 1);
    }
    holder.extend(clock.now);
    if (!known) {
      this.holders.set(name, holder);
      this.#shared.holders++;
    }
    this.#shared.onHolder(this.id, holder, true);
    this.#shared.onHeld(holder.nextEnd);
    const lost = holding.filter((claim) => this.jobs.held.get(claim)?.holder !== holder);
    return { lost, jobs };
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
    if (!this.holders.delete(holder.name)) return;
    this.#shared.holders--;
    this.#shared.onHolder(this.id, holder, false);
  }

  /** A message is behind the frontier now. */
  pass(seq: number): void {
    this.frontier = seq;
    this.waiting.pass();
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
    this.#gone.delete(job.seq);
    const wasFull = this.isFull;
    if (this.jobs.finish(job) || wasFull) this.news.ready = true;
    this.#shared.onReleased(this.name, job.seq);
    this.#forgetIfDone(job.holder);
  }

  #giveBack(job: HeldJob, attempt: number, due?: number): void {
    if (this.#gone.has(job.seq)) return this.#finish(job);
    this.jobs.giveBack(job, attempt, due);
    if (due === undefined) this.news.ready = true;
    else this.#shared.onDelayed(due);
  }

  #die(job: HeldJob, now: number, reason: string): void {
    if (this.#gone.has(job.seq)) return this.#finish(job);
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
    this.#shared.touch(this);
    for (let job; (job = holder.oldest) && (isOver || holder.deadline <= clock.now);) {
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

  /** Deletes the jobs that have been dead since a time. */
  forgetDead(since: number): void {
    for (const seq of this.jobs.deadSince(since)) {
      this.drop(seq);
      this.#shared.onReleased(this.name, seq);
    }
  }

  /** It is deleted: nobody holds a job of it any more. */
  loseAll(): void {
    for (const claim of this.jobs.held.keys()) this.#shared.lost.add(claim);
    this.#shared.holders -= this.holders.size;
  }

  /** Has dead jobs be worked again; returns how many. */
  redrive(seq?: number): number {
    const dead = [...this.jobs.dead.keys()].filter((one) => seq === undefined || one === seq);
    for (const one of dead) this.jobs.revive(one);
    if (dead.length > 0) this.news.ready = true;
    return dead.length;
  }

  /** Messages up to a number were purged: jobs without a message are dropped, at most so many. Returns how many were. */
  dropPurged(upTo: number, max: number): number {
    let dropped = 0;
    for (const seq of this.#shared.messages.missing(this.name, this.jobs.list.between(0, upTo))) {
      if (this.#dropUnlessHeld(seq) && ++dropped === max) break;
    }
    this.waiting.forget();
    return dropped;
  }

  /** It was loaded: the messages of jobs that are held may be gone. */
  findGone(): void {
    const held = [...this.jobs.held.values()].map(({ seq }) => seq).sort((a, b) => a - b);
    for (const seq of this.#shared.messages.missing(this.name, held)) this.#gone.add(seq);
  }

  #dropUnlessHeld(seq: number): boolean {
    const isHeld = this.jobs.list.state(seq) === JOB_STATE.held;
    if (isHeld) this.#gone.add(seq);
    else this.drop(seq);
    return !isHeld;
  }

  /** A message that it needs is gone before its time. What somebody holds stays with its holder. */
  giveUp(seq: number): void {
    this.counts.givenUp++;
    this.news.givenUp++;
    if (seq > this.frontier) this.waiting.pass();
    else this.#dropUnlessHeld(seq);
  }

  /** A job without a message is not worked. */
  drop(seq: number): void {
    const wasFull = this.isFull;
    if (this.jobs.drop(seq) || wasFull) this.news.ready = true;
  }
}
