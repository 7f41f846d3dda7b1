/**
 * The jobs of a worker, and the time for which it has them.
 *
 * @module
 */

import { RenewedMap } from "../../protocol/renewed_map.ts";
import { PendingRequest } from "../pending_request.ts";
import { isDecided, type Outcome, outcomeOf, RELEASE } from "./outcomes.ts";
import type { Working } from "./work_options.ts";
import type { WorkerJob } from "./worker_job.ts";
import type { WorkOptions } from "./working.ts";

/** The lease is renewed once so much of it is over. */
const RENEW_AFTER = 1 / 3;

/** It ends here once so much of it is over: timers are late. */
const END_AFTER = 0.9;

/** What could not be done is tried again after so many milliseconds. */
export const RETRY_AFTER = 1_000;

/** How to work on jobs. */
export interface JobSetup {
  readonly working: Working;
  readonly handler: (job: WorkerJob) => unknown;
  readonly onError?: WorkOptions["onError"] | undefined;
}

/**
 * Runs the handlers of jobs, never more at one time than may be, as long as the lease is certain. That counts from when its renewal
 * was asked for, which the server has confirmed: there it ends later. That a job is finished says nothing: that may have been repeated, or
 * the job be gone. One timer serves all that has a time.
 */
export abstract class LeasedJobs extends PendingRequest {
  readonly #setup: JobSetup;
  /** By their claims, jobs whose handlers run, the oldest first; those that are lost among them. */
  protected running = new RenewedMap<number, WorkerJob>();
  /** Jobs that cannot be begun yet. */
  protected waiting: WorkerJob[] = [];
  /** When the lease ends, and is to be renewed, by `performance.now`. */
  #endsAt = 0;
  #renewAt = Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Infinity;
  /** What is done after a pause, by the timer of each. */
  readonly #later = new Map<ReturnType<typeof setTimeout>, () => void>();

  /** Begins without jobs, and without a lease. */
  constructor(setup: JobSetup) {
    super();
    this.#setup = setup;
  }

  /** A job is done, or has another outcome. */
  protected abstract settle(job: WorkerJob, outcome?: Outcome): void;
  /** A handler has ended, or is not waited for any more. */
  protected abstract onFreed(): void;
  /** Asks the server for more time. */
  protected abstract renew(): void;
  /** The error of a job that somebody else may have. */
  protected abstract lostError(): unknown;

  /** The claims of the jobs whose outcome is open. */
  protected get openClaims(): number[] {
    return this.#open.map(({ claim }) => claim);
  }

  get #open(): WorkerJob[] {
    return [...this.running.values, ...this.waiting].filter((job) => !job.isOver);
  }

  /** The server has renewed the lease, as was asked at this time. */
  protected confirm(sentAt: number): void {
    const { lease } = this.#setup.working;
    this.#endsAt = Math.max(this.#endsAt, sentAt + END_AFTER * lease);
    this.#renewAt = sentAt + RENEW_AFTER * lease;
    this.alarm(this.#renewAt);
    this.begin();
  }

  /** The lease could not be renewed. */
  protected renewLater(): void {
    this.#renewAt = performance.now() + RETRY_AFTER;
    this.alarm(this.#renewAt);
  }

  /** Begins what can be begun. */
  protected begin(): void {
    const { concurrency } = this.#setup.working;
    while (this.waiting.length > 0 && this.running.size < concurrency) {
      if (performance.now() >= this.#endsAt) return this.#renew();
      void this.#run(this.waiting.shift()!);
    }
  }

  async #run(job: WorkerJob): Promise<void> {
    const { handler, onError } = this.#setup;
    let outcome: Outcome | undefined;
    this.running.set(job.claim, job);
    try {
      await handler(job);
    } catch (error) {
      // It means nothing that it failed after its signal was aborted, but what it has decided does.
      const isFailure = !isDecided(error);
      outcome = isFailure && job.isAborted ? RELEASE : outcomeOf(error);
      if (isFailure && !job.isAborted) queueMicrotask(() => onError?.(error, job));
    }
    this.running.delete(job.claim);
    this.#free(job, outcome);
  }

  #free(job: WorkerJob, outcome: Outcome | undefined): void {
    this.settle(job, outcome);
    this.begin();
    this.onFreed();
  }

  /** Aborts all handlers. */
  protected abort(reason: unknown): void {
    for (const job of this.running.values) job.abort(reason);
  }

  /** The outcome of jobs with these claims counts for nothing any more. Returns how many of them were open. */
  protected lose(claims: readonly number[]): number {
    const lost = claims.length > 0 ? this.#open.filter(({ claim }) => claims.includes(claim)) : [];
    for (const job of lost) {
      job.end();
      job.abort(this.lostError());
    }
    this.waiting = this.waiting.filter(({ isOver }) => !isOver);
    return lost.length;
  }

  /** Gives back the jobs that are not begun, and all others if they are to be given back, too. */
  protected release(others: Iterable<WorkerJob> = []): void {
    for (const job of [...others, ...this.waiting.splice(0)]) this.settle(job, RELEASE);
  }

  /** Sees to what is due at this time, or before. */
  protected alarm(at: number): void {
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => this.#onTimer(), Math.max(0, at - performance.now()));
  }

  /** Calls back after a pause, or once nothing is due any more: no timer outlives the worker. */
  protected later(callback: () => void): void {
    if (this.#timerAt === -Infinity) return callback();
    const timer = setTimeout(() => {
      this.#later.delete(timer);
      callback();
    }, RETRY_AFTER);
    this.#later.set(timer, callback);
  }

  /** Nothing is due any more. */
  protected stopTimers(): void {
    clearTimeout(this.#timer);
    this.#timerAt = -Infinity;
    for (const [timer, callback] of this.#later) {
      clearTimeout(timer);
      callback();
    }
  }

  #onTimer(): void {
    this.#timerAt = Infinity;
    const now = performance.now();
    if (now >= this.#endsAt) this.abort(this.lostError());
    if (now >= this.#renewAt) this.#renew();
    this.alarm(this.#endOverdue(now));
    this.alarm(now < this.#endsAt ? Math.min(this.#renewAt, this.#endsAt) : this.#renewAt);
  }

  #renew(): void {
    if (this.#renewAt === Infinity) return;
    this.#renewAt = Infinity;
    this.renew();
  }

  /** Ends the jobs that have taken too long, whatever their handlers do. Returns when the next one will have. */
  #endOverdue(now: number): number {
    const { timeout } = this.#setup.working;
    for (let job; (job = this.running.first);) {
      const end = job.arrivedAt + timeout;
      if (end > now) return end;
      const reason = `timeout: it took longer than ${timeout} ms`;
      job.abort(new DOMException(reason, "TimeoutError"));
      this.running.delete(job.claim);
      this.#free(job, { outcome: "retry", reason });
    }
    return Infinity;
  }
}
