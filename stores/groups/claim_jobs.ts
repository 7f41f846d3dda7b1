/**
 * How the jobs of a group are given to those who work on them.
 *
 * @module
 */

import type { TopicMessage } from "../queries.ts";
import type { ClaimedJob, ClaimedJobs, ClaimJobs } from "./group_commands.ts";
import type { Holder } from "./holder.ts";
import type { SharedGroupState } from "./shared_group_state.ts";
import { workAttributes } from "./work_attributes.ts";
import type { WorkGroup } from "./work_group.ts";

/** One claim looks at not many more messages that it only sets aside. */
const MAX_SET_ASIDE = 4096;

/** At most this many messages are read at once. */
const PAGE = 1024;

/** One claim under way. */
class Claiming {
  readonly #group: WorkGroup;
  readonly #shared: SharedGroupState;
  readonly #now: number;
  readonly #takers = new Takers();
  /** How many bytes may still be given. */
  #left: number;
  #isFirst = true;

  constructor(group: WorkGroup, shared: SharedGroupState, bytes: number, now: number) {
    this.#group = group;
    this.#shared = shared;
    this.#left = bytes;
    this.#now = now;
  }

  /** Gives jobs to holders; see {@linkcode ClaimJobs}. */
  claim(holders: ClaimJobs["holders"]): ClaimedJobs {
    const ended: number[] = [];
    const open: Holder[] = [];
    const jobs = holders.map(({ holder: name, count, opening }, i) => {
      const holder = this.#group.holders.get(name);
      const given: ClaimedJob[] = [];
      // It may be there though its lease is over, while its jobs go in parts: it must not get them again.
      if (holder?.takesJobsOf(opening) && holder.until > this.#shared.clock.now) {
        open.push(holder);
        this.#takers.add(holder, count, given);
      } else ended.push(i);
      return given;
    });
    let more = true;
    try {
      more = !this.#claimReady() || !this.#claimWaiting();
    } catch (error) {
      // What was given is held now: it must reach its holders, unless all is undone.
      if (this.#isFirst || this.#shared.messages.isInTransaction) throw error;
    }
    for (const holder of open) this.#shared.onHeld(holder.nextEnd);
    for (const { length } of jobs) this.#group.counts.claimed += length;
    return { jobs, more, ended };
  }

  /** Gives jobs that were given back, or have come due. Returns whether there are no more of them. */
  #claimReady(): boolean {
    const { jobs, name } = this.#group;
    for (let seq; (seq = jobs.nextReady) !== undefined;) {
      if (this.#takers.count === 0) return false;
      const message = this.#shared.messages.at(name, seq);
      if (!message) {
        this.#group.drop(seq);
        continue;
      }
      if (!this.#fits(message)) return false;
      const key = this.#keyOf(message, workAttributes(message.attributes).key);
      if (jobs.begin(seq, key)) this.#give(message, key);
    }
    return true;
  }

  /** Gives messages beyond the frontier, which moves behind them. Returns whether there are no more that can be given now. */
  #claimWaiting(): boolean {
    const group = this.#group;
    const { name } = group;
    const { messages } = this.#shared;
    let count = Math.min(this.#takers.count, PAGE);
    for (let setAside = 0; this.#takers.count > 0 && setAside < MAX_SET_ASIDE;) {
      const page = messages.page(name, group.frontier, count, Math.max(this.#left, 1));
      // Behind many that are set aside there may be many more.
      count = Math.min(2 * count, PAGE);
      for (const message of page.messages) {
        if (this.#takers.count === 0) return false;
        if (group.isFull) return true;
        if (!this.#fits(message)) return false;
        if (!this.#begin(message)) setAside++;
        group.pass(message.seq);
      }
      group.frontier = Math.max(group.frontier, page.through);
      if (page.messages.length === 0 && !page.more) return true;
    }
    return false;
  }

  /** Gives a message that nobody has begun, or sets it aside. */
  #begin(message: TopicMessage): boolean {
    const { jobs } = this.#group;
    const { seq, time, attributes } = message;
    const { key, delay } = workAttributes(attributes);
    if (time + delay > this.#now) {
      jobs.delay(seq, time + delay);
      this.#shared.onDelayed(time + delay);
      return false;
    }
    const hash = this.#keyOf(message, key);
    const begins = jobs.begin(seq, hash);
    if (begins) this.#give(message, hash);
    return begins;
  }

  #keyOf({ topic }: TopicMessage, key: string | undefined): number {
    return key === undefined ? 0 : this.#shared.keyOf(topic, key);
  }

  #fits({ bytes }: TopicMessage): boolean {
    return this.#isFirst || bytes <= this.#left;
  }

  #give(message: TopicMessage, key: number): void {
    const { seq, bytes } = message;
    const { holder, jobs } = this.#takers.next();
    const claim = this.#shared.nextClaim();
    const now = this.#shared.clock.now;
    const { attempt } = this.#group.jobs.hold(seq, key, claim, holder, now);
    jobs.push({ message, claim, attempt });
    this.#left -= bytes;
    this.#isFirst = false;
  }
}

/**
 * Gives jobs to holders.
 *
 * @param group the group
 * @param shared what all groups share
 * @param command who gets how many
 * @param now the store's time
 * @returns what each got
 */
export function claimJobs(
  group: WorkGroup,
  shared: SharedGroupState,
  { holders, bytes }: ClaimJobs,
  now: number,
): ClaimedJobs {
  return new Claiming(group, shared, bytes, now).claim(holders);
}

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
