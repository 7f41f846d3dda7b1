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
  RedriveJobs,
  RedrivenJobs,
} from "./group_commands.ts";
import type { GroupJobs } from "./group_jobs.ts";
import type { HeldJob, Holder } from "./holder.ts";
import { JOB_STATE } from "./job_list.ts";
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
  readonly gone: Set<number> = new Set();
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

  /** The job of a claim, if somebody holds it who works on this group. */
  heldBy(claim: number): HeldJob | undefined {
    const job = this.#shared.held.get(claim);
    return job?.holder.group === this.id ? job : undefined;
  }

  /** The jobs that its holders have. */
  *held(): Generator<HeldJob> {
    for (const { jobs } of this.holders.values()) {
      for (const [, job] of jobs) yield job;
    }
  }

  /** A holder takes no more jobs. */
  close(name: string, opening: number | undefined): void {
    const holder = this.holders.get(name);
    if (!holder?.isOf(opening)) return;
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
    const find = (claim: number, opening?: number): HeldJob | undefined => {
      const job = this.heldBy(claim);
      if (!job && this.#shared.lost.has(claim)) lost.push(claim);
      // Its holder has it, and may work on it by now.
      if (!job?.holder.isOf(opening)) return undefined;
      job.holder.extend(this.#shared.clock.now);
      return job;
    };
    for (const claim of done) {
      const job = find(claim);
      if (!job) continue;
      this.counts.done++;
      this.#finish(job);
    }
    for (const { claim, outcome, delay = 0, reason = "", opening } of outcomes) {
      const job = find(claim, opening);
      if (!job) continue;
      if (outcome === "release") this.giveBack(job, job.attempt - 1);
      else if (outcome === "dead" || this.#isLastAttempt(job)) {
        dead.push(claim);
        this.#die(job, now, reason);
      } else {
        this.counts.retried++;
        this.giveBack(job, job.attempt, delay > 0 ? now + delay : undefined);
      }
      this.#forgetIfDone(job.holder);
    }
    return { lost, dead };
  }

  #isLastAttempt({ attempt, holder }: HeldJob): boolean {
    return attempt >= holder.terms.attempts;
  }

  #finish(job: HeldJob): void {
    this.gone.delete(job.seq);
    const wasFull = this.isFull;
    if (this.jobs.finish(job) || wasFull) this.news.ready = true;
    this.#shared.onReleased(this.name, job.seq);
    this.#forgetIfDone(job.holder);
  }

  /** A job is to be worked again, once it is due. */
  giveBack(job: HeldJob, attempt: number, due?: number): void {
    if (this.gone.has(job.seq)) return this.#finish(job);
    this.jobs.giveBack(job, attempt, due);
    if (due === undefined) this.news.ready = true;
    else this.#shared.onDelayed(due);
  }

  #die(job: HeldJob, now: number, reason: string): void {
    if (this.gone.has(job.seq)) return this.#finish(job);
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
      const job = this.heldBy(claim);
      if (job) job.holder.extend(now);
      else if (this.#shared.lost.has(claim)) lost.push(claim);
    }
    return { lost, ended: name !== undefined && !holder };
  }

  /** Ends the lease of a holder, or the time for its jobs, as far as they have ended; at most so many jobs. Returns how many. */
  end(holder: Holder, now: number, max: number): number {
    const { clock } = this.#shared;
    const isOver = holder.until <= clock.now;
    const lastSince = isOver ? Infinity : clock.now - holder.terms.timeout;
    this.#shared.touch(this);
    let ended = 0;
    for (const [, job] of holder.jobs) {
      if (job.since > lastSince) break;
      if (ended === max) return ended;
      ended++;
      this.#shared.lost.add(job.claim);
      if (this.#isLastAttempt(job)) this.#die(job, now, isOver ? LEASE_ENDED : TIMED_OUT);
      else {
        this.counts.retried++;
        this.giveBack(job, job.attempt);
      }
    }
    if (isOver) this.#forget(holder);
    else this.#forgetIfDone(holder);
    return ended;
  }

  /** Deletes jobs that have been dead since a time, at most so many; returns how many. */
  forgetDead(since: number, max: number): number {
    const found = this.jobs.deadSince(since, max);
    for (const seq of found) {
      this.drop(seq);
      this.#shared.onReleased(this.name, seq);
    }
    return found.length;
  }

  /** Has dead jobs be worked again, the oldest first. */
  redrive({ seq, after = 0, diedBy = Infinity, max }: RedriveJobs): RedrivenJobs {
    const [from, last] = seq === undefined ? [after, Infinity] : [seq - 1, seq];
    let [redriven, through] = [0, from];
    for (const one of this.jobs.list.inState(JOB_STATE.dead, from)) {
      if (one > last) break;
      if (this.jobs.dead.get(one)!.at > diedBy) continue;
      if (redriven === max) return { redriven, through, more: true };
      this.jobs.revive(one);
      this.news.ready = true;
      through = one;
      redriven++;
    }
    return { redriven, through, more: false };
  }

  /** Messages up to a number were purged: jobs without a message are dropped, at most so many. Returns how many were. */
  dropPurged(upTo: number, max: number): number {
    let dropped = 0;
    for (const seq of this.#shared.messages.missing(this.name, this.jobs.list.between(0, upTo))) {
      if (this.#dropUnlessHeld(seq) && ++dropped === max) break;
    }
    return dropped;
  }

  /** It was loaded: the messages of jobs that are held may be gone. */
  findGone(): void {
    const held = Array.from(this.held(), ({ seq }) => seq).sort((a, b) => a - b);
    for (const seq of this.#shared.messages.missing(this.name, held)) this.gone.add(seq);
  }

  #dropUnlessHeld(seq: number): boolean {
    const isHeld = this.jobs.list.state(seq) === JOB_STATE.held;
    if (isHeld) this.gone.add(seq);
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
