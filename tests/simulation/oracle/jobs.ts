/**
 * The jobs of groups, as the stores of a history have them: one valid claim at a time, none forgotten, outcomes count once, and
 * those of one key in their order.
 *
 * @module
 */

import type { GroupPlan, HistoryEntry } from "../history.ts";
import { inWords, type KnownMessage, type Lineage, type StoredMessages } from "./stored.ts";

type Entry<K extends HistoryEntry["kind"]> = Extract<HistoryEntry, { readonly kind: K }>;

interface Holder {
  lease: number;
  timeout: number;
  attempts: number;
  /** Its lease ends then, by the clock of leases. */
  until: number;
}

/** A job that was given to somebody. */
export interface Claim {
  readonly claim: number;
  readonly message: KnownMessage;
  readonly group: Group;
  readonly holder: Holder;
  /** It is taken from its holder then in any case. */
  deadline: number;
  outcome?: Entry<"finished">["outcome"] | undefined;
}

/** A group in one lineage. */
export interface Group {
  readonly name: GroupPlan;
  readonly lineage: Lineage;
  /** The messages that were gone, or not for it, when it was made. */
  readonly excluded: ReadonlySet<number>;
  readonly holders: Map<string, Holder>;
  /** The last claim of each job. */
  readonly jobs: Map<number, Claim & { attempt: number }>;
}

/** Follows the jobs of a history. */
export class Jobs {
  /** By lineage and number. */
  readonly claims: Map<string, Claim> = new Map();
  readonly #stored: StoredMessages;
  readonly #faults: string[];
  readonly #groups = new Map<string, Group>();
  readonly #lastClaims = new Map<Lineage, number>();

  /** There are no groups yet. */
  constructor(stored: StoredMessages) {
    this.#stored = stored;
    this.#faults = stored.faults;
  }

  /** A store is open again: all leases begin anew, by a new clock. */
  opened(lineage: Lineage): void {
    for (const group of this.#groups.values()) {
      if (group.lineage !== lineage) continue;
      for (const holder of group.holders.values()) holder.until = holder.lease;
      for (const job of group.jobs.values()) job.deadline = job.holder.timeout;
    }
  }

  holder(entry: Entry<"holder">, at: number): void {
    const { lease, timeout, attempts, clock } = entry;
    const group = this.#groupOf(entry) ?? this.#make(entry, at);
    const holder = group.holders.get(entry.holder);
    const until = Math.max(clock + lease, holder?.until ?? 0);
    if (holder) Object.assign(holder, { lease, timeout, attempts, until });
    else group.holders.set(entry.holder, { lease, timeout, attempts, until });
  }

  claimed(entry: Entry<"claimed">): void {
    const { claim, seq, attempt, clock } = entry;
    const group = this.#groupOf(entry);
    const holder = group?.holders.get(entry.holder);
    const message = group?.lineage.messages.get(seq);
    const fault = (what: string) => {
      this.#faults.push(`claim ${claim} of number ${seq} in ${entry.name.group}: ${what}`);
    };
    if (!group || !holder) return fault("nobody has asked for it");
    if (!message || !isOf(group, message)) return fault("it is none of its messages");
    const last = this.#lastClaims.get(group.lineage) ?? 0;
    if (claim <= last) fault(`claims have come to ${last} before`);
    this.#lastClaims.set(group.lineage, Math.max(last, claim));
    const before = group.jobs.get(seq);
    if (before && isHeld(before, clock)) fault(`claim ${before.claim} of it is still valid`);
    if (before?.outcome === "done" || before?.outcome === "dead") fault(`it is ${before.outcome}`);
    // What was released counts as if it had not been claimed.
    const attempts = (before?.attempt ?? 0) + (before?.outcome === "release" ? 0 : 1);
    if (attempt !== attempts) fault(`it is attempt ${attempt}, and not ${attempts}`);
    for (const other of this.#before(message, group)) {
      if (!mayBeFinished(group.jobs.get(other.seq), clock)) {
        fault(`${inWords(other)} has its key, and is not finished`);
      }
    }
    const deadline = clock + holder.timeout;
    const job = { claim, message, group, holder, deadline, attempt };
    group.jobs.set(seq, job);
    this.claims.set(keyOf(group.lineage, claim), job);
  }

  finished(entry: Entry<"finished">): void {
    const { claim, outcome, clock } = entry;
    const group = this.#groupOf(entry);
    const job = group && this.claims.get(keyOf(group.lineage, claim));
    const fault = (what: string) => this.#faults.push(`claim ${claim} is ${outcome}, and ${what}`);
    if (!job) {
      // A worker may finish what it got from a memory that is lost.
      if (outcome !== "lost") fault("nobody has it");
      return;
    }
    const isLast = job === group.jobs.get(job.message.seq);
    if (outcome === "lost") {
      if (isLast && isHeld(job, clock)) fault("its lease has not ended");
      return;
    }
    // Repeated after a break: it counts once.
    if (job.outcome !== undefined) return;
    if (!isLast) return void fault("another one has its job");
    job.outcome = outcome;
    job.holder.until = Math.max(job.holder.until, clock + job.holder.lease);
  }

  extended(entry: Entry<"extended">): void {
    const { holder: name, claims, lost, clock } = entry;
    const group = this.#groupOf(entry);
    if (!group) return;
    const renew = (holder: Holder) => holder.until = Math.max(holder.until, clock + holder.lease);
    const named = name === undefined ? undefined : group.holders.get(name);
    if (named) renew(named);
    for (const claim of claims) {
      const job = this.claims.get(keyOf(group.lineage, claim));
      if (!job || job.outcome !== undefined) continue;
      if (!lost.includes(claim)) renew(job.holder);
      else if (job === group.jobs.get(job.message.seq) && isHeld(job, clock)) {
        this.#faults.push(`claim ${claim} is lost, and its lease has not ended`);
      }
    }
  }

  /** Nothing is left to do: each message is done or dead, or was given up. */
  drained({ name, dead, givenUp }: Entry<"drained">, lineage: Lineage): void {
    const group = this.#groups.get(keyOf(lineage, nameOf(name)));
    if (!group) return;
    const all = [...lineage.messages.values()].filter((message) => isOf(group, message));
    const left = all.filter(({ seq }) => group.jobs.get(seq)?.outcome !== "done");
    if (left.length === dead + givenUp) return;
    this.#faults.push(
      `${nameOf(name)} has not done ${left.length} jobs, and ${dead} are dead and ${givenUp} ` +
        `given up: ${left.slice(0, 3).map(inWords).join()}`,
    );
  }

  #groupOf({ opening, name }: Entry<"holder" | "claimed" | "finished" | "extended">) {
    const lineage = this.#stored.lineageOf(opening);
    return lineage && this.#groups.get(keyOf(lineage, nameOf(name)));
  }

  #make({ opening, name, after = 0 }: Entry<"holder">, at: number): Group {
    const lineage = this.#stored.lineageOf(opening)!;
    const isGone = this.#stored.goneIn(opening, at);
    const excluded = [...lineage.messages.values()].filter((message) =>
      message.seq <= after || isGone(message)
    );
    const seqs = new Set(excluded.map(({ seq }) => seq));
    const group = { name, lineage, excluded: seqs, holders: new Map(), jobs: new Map() };
    this.#groups.set(keyOf(lineage, nameOf(name)), group);
    return group;
  }

  /** The messages of the group that come before one, and have its key. One with a delay does not hold its key. */
  #before({ seq, topic, key }: KnownMessage, group: Group): KnownMessage[] {
    if (key === undefined) return [];
    return [...group.lineage.messages.values()].filter((other) =>
      other.key === key && other.topic === topic && other.seq < seq && other.delay === undefined &&
      isOf(group, other)
    );
  }
}

/** The key of something in a lineage. */
export function keyOf({ name }: Lineage, what: string | number): string {
  return `${name} ${what}`;
}

function nameOf({ topic, isPrefix, group }: GroupPlan): string {
  return `${group} on ${topic}${isPrefix ? "*" : ""}`;
}

function isOf({ name: { topic, isPrefix }, excluded }: Group, message: KnownMessage): boolean {
  const isCovered = isPrefix ? message.topic.startsWith(topic) : message.topic === topic;
  return isCovered && !excluded.has(message.seq);
}

/** Whether somebody still holds a job, by the clock of leases. */
function isHeld({ outcome, holder: { until }, deadline }: Claim, clock: number): boolean {
  return outcome === undefined && clock < until && clock < deadline;
}

/** A job may have died when its lease ended. */
function mayBeFinished(job: (Claim & { attempt: number }) | undefined, clock: number): boolean {
  if (!job) return false;
  const { outcome, attempt, holder: { attempts } } = job;
  if (outcome === "done" || outcome === "dead") return true;
  return attempt >= attempts && (outcome === "retry" || !isHeld(job, clock));
}
