/**
 * Who holds jobs: a worker, or one call that claimed some.
 *
 * @module
 */

import { RenewedMap } from "../../protocol/renewed_map.ts";

/** A job that somebody holds. */
export interface HeldJob {
  /** The sequence number of its message. */
  readonly seq: number;
  readonly claim: number;
  /** How often it was claimed, this time included. */
  readonly attempt: number;
  /** The hash of its key; 0 if it has none. */
  readonly key: number;
  readonly holder: Holder;
  /** Since when it is held, by the clock of leases. */
  readonly since: number;
}

/** What a holder asked for. */
export interface HolderTerms {
  /** For how many milliseconds it may hold jobs unless it is extended. */
  readonly lease: number;
  /** For how many milliseconds it may hold a job in any case. */
  readonly timeout: number;
  /** A job that fails is dead once it was claimed this often. */
  readonly attempts: number;
}

/** A holder. All its jobs have one lease. */
export class Holder {
  /** The id of its group. */
  readonly group: number;
  /** Its name, unique within its group. */
  readonly name: string;
  terms: HolderTerms;
  /** Its lease ends then, by the clock of leases. */
  until: number;
  /** It takes no more jobs. */
  closed = false;
  /** Which opening was the last. A file does not say: after its start each worker opens its holder anew. */
  opening: number | undefined;
  /** Its jobs by their claims: the one that it has held longest comes first. */
  readonly jobs: RenewedMap<number, HeldJob> = new RenewedMap();

  /** Holds nothing yet. */
  constructor(group: number, name: string, terms: HolderTerms, now: number) {
    this.group = group;
    this.name = name;
    this.terms = terms;
    this.until = now + terms.lease;
  }

  /** When something of it ends next: its lease, or the time of its oldest job. */
  get nextEnd(): number {
    return Math.min(this.until, this.deadline);
  }

  /** When its oldest job is taken from it in any case; `Infinity` if it has none. */
  get deadline(): number {
    return (this.oldest?.since ?? Infinity) + this.terms.timeout;
  }

  /** The job that it has held longest. */
  get oldest(): HeldJob | undefined {
    return this.jobs.first;
  }

  /** Whether an opening was the last, as far as is known. */
  isOf(opening: number | undefined): boolean {
    return opening === undefined || this.opening === undefined || opening === this.opening;
  }

  /** Whether it takes jobs that are claimed by an opening. */
  takesJobsOf(opening: number | undefined): boolean {
    return !this.closed && this.isOf(opening);
  }

  /** It was heard of: its lease begins anew. */
  extend(now: number): void {
    this.until = Math.max(this.until, now + this.terms.lease);
  }
}
