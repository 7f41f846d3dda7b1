/**
 * The jobs of groups, as the stores of a history have them: one valid claim at a time, none forgotten, outcomes count once, and
 * those of one key in their order.
 *
 * @module
 */

import type { GroupPlan, HistoryEntry } from "../history.ts";
import { inWords, type KnownMessage, type Lineage, type StoredMessages } from "./stored.ts";

type Entry<K extends HistoryEntry["kind"]> = Extract<HistoryEntry, { readonly kind: K }>;

/** About how long dead jobs are kept, in milliseconds: a little less than a week. */
const DEAD_RETENTION = 6 * 86_400_000;

/** So much the clock of leases advances at most at a time, in milliseconds. */
const LAST_STEP = 500;

interface Holder {
  lease: number;
  timeout: number;
  attempts: number;
  /** Its lease ends then, by the clock of leases. */
  until: number;
  /** It takes no more jobs. */
  isClosed: boolean;
  /** Its lease had ended when the process of its store died: perhaps the next one does not know. */
  isDoubtful: boolean;
}

/** A job that was given to somebody. */
export interface Claim {
  readonly claim: number;
  readonly message: KnownMessage;
  readonly group: Group;
  readonly holder: Holder;
  /** It is taken from its holder then in any case. */
  deadline: number;
  /** See {@linkcode Holder.isDoubtful}. */
  isDoubtful: boolean;
  /** Its holder came again and did not know of it: it was given back, unless its lease had ended. */
  isUnknown?: true;
  outcome?: Entry<"finished">["outcome"] | undefined;
}

/** A group in one lineage. */
export interface Group {
  readonly name: GroupPlan;
  readonly lineage: Lineage;
  /** It gets what comes after this number. */
  readonly after: number;
  /** So much time has passed between two openings that dead jobs are forgotten. */
  forgetsDead: boolean;
  /** Messages that seemed to be gone when it was made. */
  readonly gone: Set<number>;
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
  /** The clock of leases when the last store was closed. */
  #clock = 0;

  /** There are no groups yet. */
  constructor(stored: StoredMessages) {
    this.#stored = stored;
    this.#faults = stored.faults;
  }

  /** A store is open again, at a time of its own: all leases begin anew, by a new clock. */
  opened(lineage: Lineage, time: number): void {
    const newest = lineage.messages.get(lineage.last)?.time ?? 0;
    for (const group of this.#groups.values()) {
      if (group.lineage !== lineage) continue;
      group.forgetsDead ||= time - newest > DEAD_RETENTION;
      for (const job of group.jobs.values()) job.isDoubtful ||= !isHeld(job, this.#clock);
      for (const holder of group.holders.values()) {
        holder.isDoubtful ||= holder.until <= this.#clock;
        holder.until = holder.lease;
      }
      for (const job of group.jobs.values()) job.deadline = job.holder.timeout;
    }
    this.#clock = 0;
  }

  /** The process of a store has died, at a time of the clock of leases. */
  died(clock: number): void {
    // What was committed as it died may have ended leases.
    this.#clock = clock + LAST_STEP;
  }

  holder(entry: Entry<"holder">, at: number): void {
    const { lease, timeout, attempts, clock, knows } = entry;
    const group = this.#groupOf(entry) ?? this.#make(entry, at);
    const known = group.holders.get(entry.holder);
    for (const job of knows ? group.jobs.values() : []) {
      if (job.holder === known && !knows!.includes(job.claim)) job.isUnknown = true;
    }
    if (known?.isDoubtful) return void Object.assign(known, { lease, timeout, attempts });
    const terms = { lease, timeout, attempts, isClosed: false, isDoubtful: false };
    // If its lease has ended it is another one, and holds nothing.
    if (known && clock < known.until) {
      Object.assign(known, { ...terms, until: Math.max(clock + lease, known.until) });
    } else group.holders.set(entry.holder, { ...terms, until: clock + lease });
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
    // It went just after the group was made.
    group.gone.delete(seq);
    if (!message || !isOf(group, message)) return fault("it is none of its messages");
    const last = this.#lastClaims.get(group.lineage) ?? 0;
    if (claim <= last) fault(`claims have come to ${last} before`);
    this.#lastClaims.set(group.lineage, Math.max(last, claim));
    const before = group.jobs.get(seq);
    if (before && isHeld(before, clock)) fault(`claim ${before.claim} of it is still valid`);
    if (before?.outcome === "done" || before?.outcome === "dead") fault(`it is ${before.outcome}`);
    // What was released counts as if it had not been claimed.
    const attempts = (before?.attempt ?? 0) + (before?.outcome === "release" ? 0 : 1);
    const isGivenBack = before?.isUnknown && attempt === before.attempt;
    if (attempt !== attempts && !isGivenBack) {
      fault(`it is attempt ${attempt}, and not ${attempts}`);
    }
    for (const other of this.#before(message, group)) {
      if (!mayBeFinished(group.jobs.get(other.seq), clock)) {
        fault(`${inWords(other)} has its key, and is not finished`);
      }
    }
    const deadline = clock + holder.timeout;
    const job = { claim, message, group, holder, deadline, attempt, isDoubtful: false };
    group.jobs.set(seq, job);
    this.claims.set(keyOf(group.lineage, claim), job);
  }

  finished(entry: Entry<"finished">): void {
    const { claim, outcome, clock } = entry;
    const group = this.#groupOf(entry);
    const job = group && this.claims.get(keyOf(group.lineage, claim));
    const fault = (what: string) => this.#faults.push(`claim ${claim} is ${outcome}, and ${what}`);
    if (!job) {
      // A worker may finish what it got from a memory that is lost. The next one mostly says that it is lost, too; but if the
      // clock was set back between the two, it takes the claim for one that it gave itself, and that is finished.
      const isOfAnother = [...this.#stored.lineages].some((one) => {
        return this.claims.has(keyOf(one, claim));
      });
      if (outcome !== "lost" && !isOfAnother) fault("nobody has it");
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

  /** A holder takes no more jobs. It is forgotten once it has none. */
  closed({ opening, name, holder }: Entry<"holder_closed">): void {
    const closed = this.#groupOf({ opening, name })?.holders.get(holder);
    if (closed) closed.isClosed = true;
  }

  ended({ opening, name, holder: ofHolder, clock }: Entry<"holder_ended">): void {
    const group = this.#groupOf({ opening, name });
    const holder = group?.holders.get(ofHolder);
    if (!group || !holder) return;
    const holds = [...group.jobs.values()].some((job) => {
      return job.holder === holder && isHeld(job, clock);
    });
    if (clock < holder.until && !holder.isDoubtful && (holds || !holder.isClosed)) {
      this.#faults.push(`the lease of ${ofHolder} is over at ${clock}, and not at ${holder.until}`);
    }
    holder.until = Math.min(holder.until, clock);
    // One that is opened under the same name holds nothing of that.
    group.holders.delete(ofHolder);
  }

  /** Nothing is left to do: each message is done or dead, or was given up. */
  drained({ name, dead, givenUp }: Entry<"drained">, lineage: Lineage): void {
    const group = this.#groups.get(keyOf(lineage, nameOf(name)));
    if (!group) return;
    const all = [...lineage.messages.values()].filter((message) => isOf(group, message));
    const left = all.filter(({ seq }) => group.jobs.get(seq)?.outcome !== "done");
    const lost = left.filter(({ seq }) => !mayBeFinished(group.jobs.get(seq), Infinity));
    if (left.length === dead + givenUp) return;
    if (group.forgetsDead && lost.length <= givenUp && left.length > dead) return;
    this.#faults.push(
      `${nameOf(name)} has not done ${left.length} jobs, and ${dead} are dead and ${givenUp} ` +
        `given up: ${left.slice(0, 3).map(inWords).join()}`,
    );
  }

  #groupOf({ opening, name }: Pick<Entry<"holder">, "opening" | "name">): Group | undefined {
    const lineage = this.#stored.lineageOf(opening);
    return lineage && this.#groups.get(keyOf(lineage, nameOf(name)));
  }

  #make({ opening, name, after = 0 }: Entry<"holder">, at: number): Group {
    const lineage = this.#stored.lineageOf(opening)!;
    const isGone = this.#stored.goneIn(opening, at);
    const gone = new Set([...lineage.messages.values()].filter(isGone).map(({ seq }) => seq));
    const group = {
      name,
      lineage,
      after,
      gone,
      forgetsDead: false,
      holders: new Map(),
      jobs: new Map(),
    };
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

function isOf({ name, after, gone }: Group, { seq, topic }: KnownMessage): boolean {
  const isCovered = name.isPrefix ? topic.startsWith(name.topic) : topic === name.topic;
  return isCovered && seq > after && !gone.has(seq);
}

/** Whether somebody still holds a job, by the clock of leases. */
function isHeld(job: Claim, clock: number): boolean {
  const { outcome, holder, deadline, isDoubtful, isUnknown } = job;
  if (outcome !== undefined || isDoubtful || isUnknown || holder.isDoubtful) return false;
  return clock < holder.until && clock < deadline;
}

/** A job may have died when its lease ended. */
function mayBeFinished(job: (Claim & { attempt: number }) | undefined, clock: number): boolean {
  if (!job) return false;
  const { outcome, attempt, holder: { attempts } } = job;
  if (outcome === "done" || outcome === "dead") return true;
  return attempt >= attempts && (outcome === "retry" || !isHeld(job, clock));
}
