/**
 * The jobs of a group that are not finished, and what they may become.
 *
 * @module
 */

import { RenewedMap } from "../../protocol/renewed_map.ts";
import { DeadState, type DeathReasons } from "./death_reasons.ts";
import type { HeldJob, Holder } from "./holder.ts";
import { JOB_STATE, JobList, type JobState } from "./job_list.ts";
import { KeyQueues } from "./key_queues.ts";
import { DueHeap, SeqHeap } from "./seq_heap.ts";

/** What is known of a job as it is stored. */
export interface JobRecord {
  readonly state: JobState;
  /** How often it was claimed. */
  readonly attempt: number;
  /** The hash of its key, if it has that, or waits for it; else 0. */
  readonly key: number;
  /** When it comes due, in the store's time; with `dead`, when it died. */
  readonly at?: number;
  readonly claim?: number;
  readonly holder?: Holder;
  readonly reason?: string;
}

/** A job that is not held, nor dead. */
export interface WaitingJob extends Pick<JobRecord, "attempt" | "key"> {
  readonly seq: number;
  readonly state: typeof JOB_STATE.ready | typeof JOB_STATE.delayed | typeof JOB_STATE.blocked;
}

/** A job that is to be worked again, or whose turn it is. */
interface ReturnedJob {
  /** How often it was claimed. */
  readonly attempt: number;
  /** The key that it has, while it waits; 0 if none. */
  readonly key: number;
}

const NEW: ReturnedJob = { attempt: 0, key: 0 };

/**
 * The list of a group. Jobs that wait to be begun for the first time take few bytes: the others have an object each.
 */
export class GroupJobs {
  readonly list: JobList = new JobList();
  readonly #keys = new KeyQueues();
  /** When delayed jobs come due. Some may have been dropped. */
  readonly delays: DueHeap = new DueHeap();
  readonly #ready = new SeqHeap();
  readonly #returned = new RenewedMap<number, ReturnedJob>();
  readonly #held: RenewedMap<number, HeldJob>;
  readonly #reasons: DeathReasons;
  /** In the order of their deaths. */
  readonly dead: Map<number, DeadState> = new Map();
  /** Told of each change, if it is to be stored; without a record the job is finished. */
  readonly #changed: ((seq: number, record?: JobRecord) => void) | undefined;

  /**
   * Has none.
   *
   * @param held the jobs of all groups that somebody holds, by their claims
   * @param reasons why jobs of all groups have died
   * @param changed called with each change, if it is to be stored
   */
  constructor(
    held: RenewedMap<number, HeldJob>,
    reasons: DeathReasons,
    changed?: (seq: number, record?: JobRecord) => void,
  ) {
    this.#held = held;
    this.#reasons = reasons;
    this.#changed = changed;
  }

  /** When the next delayed job comes due; `Infinity` if there is none. */
  get nextDue(): number {
    return this.delays.nextTime;
  }

  /** The oldest job that was given back, or has come due. */
  get nextReady(): number | undefined {
    let seq = this.#ready.first;
    // It may have been claimed, or dropped.
    for (; seq !== undefined && this.list.state(seq) !== JOB_STATE.ready; seq = this.#ready.first) {
      this.#ready.pop();
    }
    return seq;
  }

  /** A message is to be begun later. */
  delay(seq: number, due: number): void {
    this.list.add(seq, JOB_STATE.delayed);
    this.delays.push(due, seq);
    this.#changed?.(seq, { state: JOB_STATE.delayed, attempt: 0, key: 0, at: due });
  }

  /**
   * Has a job begin that is ready, or that the list does not have yet, unless another one has its key.
   *
   * @param seq the job
   * @param key the hash of its key; 0 if it has none
   * @returns whether it may be held; if not, it is behind the other one
   */
  begin(seq: number, key: number): boolean {
    const isNew = this.list.state(seq) === JOB_STATE.none;
    if (key === 0 || this.#keys.begin(key, seq)) {
      if (isNew) this.list.add(seq, JOB_STATE.ready);
      return true;
    }
    if (isNew) this.list.add(seq, JOB_STATE.blocked);
    else this.list.set(seq, JOB_STATE.blocked);
    this.#changed?.(seq, { state: JOB_STATE.blocked, attempt: 0, key });
    return false;
  }

  /** A job that may begin is held from now on. */
  hold(seq: number, key: number, claim: number, holder: Holder, now: number): HeldJob {
    const attempt = (this.#returned.get(seq) ?? NEW).attempt + 1;
    this.#returned.delete(seq);
    const job = { seq, claim, attempt, key, holder, since: now };
    this.list.set(seq, JOB_STATE.held);
    this.#held.set(claim, job);
    holder.jobs.set(claim, job);
    this.#changed?.(seq, { state: JOB_STATE.held, attempt, key, claim, holder });
    return job;
  }

  /** A job is finished. Returns whether another one can be claimed now, which had waited for it. */
  finish(job: HeldJob): boolean {
    this.letGo(job);
    this.list.remove(job.seq);
    this.#changed?.(job.seq);
    return this.#release(job.key);
  }

  /** A held job is to be worked again, once it is due. Until then it has its key. */
  giveBack(job: HeldJob, attempt: number, due?: number): void {
    this.letGo(job);
    this.#return(job.seq, attempt, job.key, due);
  }

  #return(seq: number, attempt: number, key: number, due?: number): void {
    if (attempt > 0 || key !== 0) this.#returned.set(seq, { attempt, key });
    const state = due === undefined ? JOB_STATE.ready : JOB_STATE.delayed;
    this.list.set(seq, state);
    if (due === undefined) this.#ready.push(seq);
    else this.delays.push(due, seq);
    this.#changed?.(seq, { state, attempt, key, ...(due !== undefined && { at: due }) });
  }

  /** A held job has died. Returns whether another one can be claimed now, which had waited for it. */
  die(job: HeldJob, at: number, reason: string): boolean {
    const { seq, attempt, key } = job;
    this.letGo(job);
    this.list.set(seq, JOB_STATE.dead);
    const dead = new DeadState(seq, attempt, at, reason);
    this.dead.set(seq, dead);
    this.#onDead(dead);
    this.#reasons.add(dead, this.#onDead);
    return this.#release(key);
  }

  readonly #onDead = ({ seq, attempt, at, reason }: DeadState): void => {
    this.#changed?.(seq, { state: JOB_STATE.dead, attempt, key: 0, at, reason });
  };

  /** It was loaded: its reason counts from now on. They come in the order of their deaths. */
  restoreReason(dead: DeadState): void {
    this.#reasons.add(dead, this.#onDead);
  }

  #forgetDead(seq: number): void {
    const dead = this.dead.get(seq);
    if (!dead) return;
    this.dead.delete(seq);
    this.#reasons.remove(dead);
  }

  /** Jobs that have been dead since a time, at most so many. */
  deadSince(time: number, max: number): number[] {
    const found: number[] = [];
    for (const [seq, { at }] of this.dead) {
      if (at > time || found.length === max) break;
      found.push(seq);
    }
    return found;
  }

  /** A dead job is to be worked as if it were new. */
  revive(seq: number): void {
    this.#forgetDead(seq);
    this.#return(seq, 0, 0);
  }

  /** Has what is due by a time be ready, at most so many. Returns how many were. */
  comeDue(now: number, max: number): number {
    let found = 0;
    while (found < max && this.delays.nextTime <= now) {
      const seq = this.delays.pop();
      found++;
      // It may have been dropped.
      if (this.list.state(seq) !== JOB_STATE.delayed) continue;
      this.list.set(seq, JOB_STATE.ready);
      this.#ready.push(seq);
    }
    return found;
  }

  /**
   * The message of a job is gone, so that it can never be begun. A held one is left to its holder.
   *
   * @param seq the job
   * @returns whether another one can be claimed now, which had waited for it
   */
  drop(seq: number): boolean {
    const { key } = this.#returned.get(seq) ?? NEW;
    this.#returned.delete(seq);
    this.#forgetDead(seq);
    this.list.remove(seq);
    this.#changed?.(seq);
    return this.#release(key);
  }

  /** Takes up a job as it was stored. They come in the order of their messages. */
  restore(seq: number, record: JobRecord, now: number): void {
    const { state, attempt, key, at = 0, claim = 0, holder, reason = "" } = record;
    this.list.add(seq, state);
    switch (state) {
      case JOB_STATE.held:
        return this.restoreHeld({ seq, claim, attempt, key, holder: holder!, since: now });
      case JOB_STATE.dead:
        return void this.dead.set(seq, new DeadState(seq, attempt, at, reason));
      case JOB_STATE.blocked:
        return;
      case JOB_STATE.delayed:
        this.delays.push(at, seq);
        break;
      case JOB_STATE.ready:
        this.#ready.push(seq);
    }
    if (attempt > 0 || key !== 0) this.#returned.set(seq, { attempt, key });
  }

  /** Those that are neither held nor dead, the oldest first. */
  *waiting(): Generator<WaitingJob> {
    const blocked = new Map(this.#keys.waiting());
    for (const [seq, state] of this.list.entries()) {
      if (state === JOB_STATE.none || state === JOB_STATE.held || state === JOB_STATE.dead) {
        continue;
      }
      const { attempt, key } = this.#returned.get(seq) ?? NEW;
      yield { seq, state, attempt, key: blocked.get(seq) ?? key };
    }
  }

  /** Takes up such a job of another list, but for when it comes due; those that are behind others come last. */
  restoreWaiting({ seq, state, attempt, key }: WaitingJob): void {
    if (state === JOB_STATE.blocked) return void this.#keys.begin(key, seq);
    if (state === JOB_STATE.ready) this.#ready.push(seq);
    if (attempt > 0 || key !== 0) this.#returned.set(seq, { attempt, key });
    if (key !== 0) this.#keys.own(key, seq);
  }

  /** Takes up a held job. */
  restoreHeld(job: HeldJob): void {
    this.#held.set(job.claim, job);
    job.holder.jobs.set(job.claim, job);
    if (job.key !== 0) this.#keys.own(job.key, job.seq);
  }

  /** After all are restored: who has a key, and then who waits for one. */
  restoreKey(seq: number, { state, key }: JobRecord): void {
    if (key === 0) return;
    if (state !== JOB_STATE.blocked) this.#keys.own(key, seq);
    else if (this.#keys.begin(key, seq)) this.#return(seq, 0, key);
  }

  /** Nobody holds a job any more. */
  letGo(job: HeldJob): void {
    this.#held.delete(job.claim);
    job.holder.jobs.delete(job.claim);
  }

  /** A key is free: the next job of it can be claimed, if there is one. */
  #release(key: number): boolean {
    if (key === 0) return false;
    for (let next; (next = this.#keys.release(key)) !== undefined;) {
      // It may have been dropped.
      if (this.list.state(next) !== JOB_STATE.blocked) continue;
      this.#return(next, 0, key);
      return true;
    }
    return false;
  }
}
