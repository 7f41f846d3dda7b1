/**
 * The handlers of workers: no job is worked on twice at once, none is done without its handler, and no worker does more at
 * once than it may.
 *
 * @module
 */

import type { HistoryEntry } from "../history.ts";
import type { Calls } from "./calls.ts";
import { type Claim, type Jobs, keyOf } from "./jobs.ts";
import type { StoredMessages } from "./stored.ts";

/** For so long after it was woken a process may not know yet that it has lost its jobs, in milliseconds. */
const WAKING = 1000;

type Entry<K extends HistoryEntry["kind"]> = Extract<HistoryEntry, { readonly kind: K }>;

interface Handler extends Entry<"job_began"> {
  readonly job: Claim;
  /** It was told to stop: what it does after that is its own affair. */
  isAborted: boolean;
  outcome?: Entry<"job_ended">["outcome"];
}

/** Follows the handlers of a history. */
export class Handlers {
  readonly #stored: StoredMessages;
  readonly #jobs: Jobs;
  readonly #calls: Calls;
  readonly #faults: string[];
  /** By process and claim. */
  readonly #handlers = new Map<string, Handler>();
  readonly #byJob = new Map<Claim, Handler>();

  /** Nothing is worked on yet. */
  constructor(stored: StoredMessages, jobs: Jobs, calls: Calls) {
    this.#stored = stored;
    this.#jobs = jobs;
    this.#calls = calls;
    this.#faults = stored.faults;
  }

  began(entry: Entry<"job_began">, at: number): void {
    const { process, claim, seq, body, concurrency } = entry;
    const fault = (what: string) => this.#faults.push(`${process}, claim ${claim}: ${what}`);
    const job = [...this.#stored.lineages].map((one) => this.#jobs.claims.get(keyOf(one, claim)))
      .find((one) => one?.message.seq === seq && one.message.body === body);
    if (!job) return void fault(`its handler has begun with "${body}", and nobody gave it that`);
    if (this.#byJob.has(job)) fault("its handler has begun twice");
    this.#checkAlone(job, at);
    const handler = { ...entry, job, isAborted: false };
    this.#handlers.set(`${process} ${claim}`, handler);
    this.#byJob.set(job, handler);
    const running = [...this.#handlers.values()].filter((one) =>
      one.process === process && one.outcome === undefined && !one.isAborted
    );
    if (running.length > concurrency) fault(`${running.length} handlers run at once`);
  }

  /** A job was claimed: whoever had it before has been told to stop. */
  claimed({ opening, claim }: Entry<"claimed">, at: number): void {
    const lineage = this.#stored.lineageOf(opening);
    const job = lineage && this.#jobs.claims.get(keyOf(lineage, claim));
    if (job) this.#checkAlone(job, at);
  }

  aborted({ process, claim }: Entry<"job_aborted">): void {
    const handler = this.#handlers.get(`${process} ${claim}`);
    if (handler) handler.isAborted = true;
  }

  ended({ process, claim, outcome }: Entry<"job_ended">): void {
    const handler = this.#handlers.get(`${process} ${claim}`);
    if (handler) handler.outcome = outcome;
  }

  /** A job is done: because its handler says so. */
  finished({ opening, claim, outcome }: Entry<"finished">): void {
    const lineage = this.#stored.lineageOf(opening);
    const job = lineage && this.#jobs.claims.get(keyOf(lineage, claim));
    if (outcome !== "done" || !job) return;
    if (this.#byJob.get(job)?.outcome !== "done") {
      this.#faults.push(`claim ${claim} is done, and its handler has not said so`);
    }
  }

  /** The run is over. */
  end(): void {
    for (const { process, claim, outcome, isAborted } of this.#handlers.values()) {
      if (outcome === undefined && !isAborted && !this.#calls.killed.has(process)) {
        this.#faults.push(
          `${process}, claim ${claim}: its handler has neither ended nor been stopped`,
        );
      }
    }
  }

  #checkAlone({ claim, message, group }: Claim, at: number): void {
    for (const other of this.#handlers.values()) {
      const { job, process, outcome, isAborted } = other;
      if (job.group !== group || job.message !== message || job.claim === claim) continue;
      if (outcome !== undefined || isAborted || !this.#calls.isAwake(process, at - WAKING)) {
        continue;
      }
      this.#faults.push(
        `claim ${claim} of number ${message.seq} of ${group.name.group}: ${process} still works on ` +
          `it with claim ${job.claim}`,
      );
    }
  }
}
