/**
 * What a worker tells the server of its jobs.
 *
 * @module
 */

import type { DsmqError } from "../../protocol/errors.ts";
import type { DoneReply } from "../../protocol/replies.ts";
import type { InFlightRequests } from "../in_flight_requests.ts";
import { type JobSetup, LeasedJobs } from "./leased_jobs.ts";
import type { Outcome } from "./outcomes.ts";
import type { WorkerJob } from "./worker_job.ts";
import { WorkerRequest } from "./worker_request.ts";

/** A request tells of so many jobs at most; one that is not done counts as several: it may have a reason of six thousand bytes. */
const [MAX_REPORTED, OUTCOME_SHARE] = [1024, 8];

/** How to work on jobs, and where to tell of them. */
export interface ReportSetup extends JobSetup {
  readonly requests: InFlightRequests;
}

/** What one request tells of jobs. */
interface Report {
  readonly done: number[];
  readonly outcomes: (Outcome & { readonly claim: number })[];
  readonly request: WorkerRequest;
}

/** Tells the server what became of jobs, which counts once, however often it is repeated. Those that end in one turn share a request. */
export abstract class ReportedJobs extends LeasedJobs {
  readonly #setup: ReportSetup;
  /** The fields that name the group. */
  readonly #target: object;
  /** How many jobs had which outcome. */
  protected readonly counts = { done: 0, retried: 0, dead: 0, lost: 0 };
  /** What the server has not confirmed. */
  #reports: readonly Report[] = [];
  #growing: Report | undefined;
  /** There is nothing to report any more, and nobody waits for what is on the way. */
  hasEnded = false;

  /** Has nothing to tell yet. */
  constructor(setup: ReportSetup, target: object) {
    super(setup);
    this.#setup = setup;
    this.#target = target;
  }

  /** Ends the worker, because of an error. */
  protected abstract end(error: unknown): void;

  /** The server has confirmed all outcomes. */
  get isReported(): boolean {
    return this.#reports.length === 0;
  }

  /** The claims of jobs that the server may not know to be finished. */
  protected get reportedClaims(): number[] {
    return this.#reports.flatMap(({ done, outcomes }) => [
      ...done,
      ...outcomes.map(({ claim }) => claim),
    ]);
  }

  /** Tells the server what becomes of a job, unless that is known: by default that it is done. */
  protected settle(job: WorkerJob, outcome?: Outcome): void {
    if (!job.end() || this.hasEnded) return;
    const { claim, attempt } = job;
    const last = this.#growing;
    const grows = last && !last.request.isSent &&
      last.done.length + OUTCOME_SHARE * last.outcomes.length < MAX_REPORTED;
    const report = grows ? last : this.#growing = this.#begunReport();
    if (!outcome) report.done.push(claim);
    else {
      const isRetry = outcome.outcome === "retry";
      const delay = isRetry ? outcome.delay ?? this.#backoff(attempt) : undefined;
      report.outcomes.push({ ...outcome, claim, delay });
    }
    if (!grows) this.#setup.requests.send(report.request);
  }

  /** A request to tell of jobs, without any. It is repeated until it is answered. */
  #begunReport(): Report {
    const lists: Pick<Report, "done" | "outcomes"> = { done: [], outcomes: [] };
    const request = new WorkerRequest(
      "finish",
      () => ({ ...this.#target, ...lists }),
      (reply, error) => this.#onReported(report, reply, error),
      this,
    );
    const report = { ...lists, request };
    this.#reports = [...this.#reports, report];
    return report;
  }

  #onReported(report: Report, answer: DoneReply | undefined, error: unknown): void {
    const { done, outcomes } = report;
    // A server that has lost its memory has no group, and so nobody holds its jobs.
    const all = () => [...done, ...outcomes.map(({ claim }) => claim)];
    const reply = answer ?? (isNotFound(error) ? { lost: all(), dead: undefined } : undefined);
    if (reply) {
      const { lost = [], dead = [] } = reply;
      const others: readonly unknown[] = [...lost, ...dead];
      const { counts } = this;
      counts.lost += lost.length;
      counts.dead += dead.length;
      counts.done += done.filter((claim) => !others.includes(claim)).length;
      counts.retried += outcomes.filter(({ claim, outcome }) =>
        outcome === "retry" && !others.includes(claim)
      ).length;
      this.#reports = this.#reports.filter((one) => one !== report);
      this.onFreed();
    } else if (isTransient(error)) {
      this.later(() => {
        if (!this.hasEnded) this.#setup.requests.send(report.request);
      });
    } else this.end(error);
  }

  /** How long a job waits that was tried so often: longer each time, and not all jobs for the same time. */
  #backoff(attempt: number): number {
    const { minDelay, maxDelay } = this.#setup.working;
    const delay = Math.min(maxDelay, minDelay * 2 ** (attempt - 1));
    return Math.ceil(delay * (1 - Math.random() / 2));
  }
}

/** Whether the server has no such group (any more). */
export function isNotFound(error: unknown): boolean {
  return (error as DsmqError | undefined)?.code === "not_found";
}

/**
 * Whether the server may be able to do later what it could not do, or may have done without knowing it: what a worker asks for counts
 * once.
 */
export function isTransient(error: unknown): boolean {
  const { code } = error as DsmqError;
  return code === "unavailable" || code === "busy" || code === "full" ||
    code === "unknown_outcome";
}
