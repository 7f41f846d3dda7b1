/**
 * What is gone of each topic, and how that is remembered in memory.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import type { Gone } from "./store.ts";

/** About how many bytes a topic takes here, with a name of common length. */
export const GONE_TOPIC_BYTES = 400;

/** The newest message of a topic that is purged now. */
export interface GoneMessage extends Gone {
  readonly topic: string;
}

/**
 * What is gone of topics, including those that have no messages any more: exactly of some, mostly those that lost
 * the newest messages. For all others there is a horizon: what is gone of them is not above it, and went no later.
 *
 * Changes belong to the transaction around them.
 */
export interface GoneTopics {
  /** What may be gone of a topic that is not known; nothing if its number is 0. */
  readonly horizon: Gone;
  /** The newest message that is known to be gone, or may be; 0 if there is none. */
  readonly newest: number;
  /** What is gone of a topic, if that is known. */
  find(topic: string): Gone | undefined;
  /**
   * The newest that went after a time of all topics that begin with a prefix, if any of them is known, and when the last of
   * them went. If very many topics are known, it may be a newer one of another topic.
   */
  findPrefix(prefix: string, asOf: number): Gone | undefined;
  /** Records messages that are purged: the newest of each topic, in order. */
  record(messages: readonly GoneMessage[]): void;
  /** The transaction was committed. */
  commit(): void;
  /** The transaction was undone. */
  rollback(): void;
}

/**
 * What covers both: the larger number and the later time. They need not be those of one message, since a purge can remove
 * older messages of one topic later than newer ones of another.
 *
 * @param one what is gone
 * @param other what else is gone
 * @returns what covers them
 */
export function horizonOf(one: Gone, other: Gone): Gone {
  return { seq: Math.max(one.seq, other.seq), at: Math.max(one.at, other.at) };
}

/** At most this many topics are dropped at once, unless more are over the limit. */
const EVICTION_BATCH = 1024;

/**
 * How far over the limit the number of topics may go before some are dropped.
 *
 * @param max how many topics may be known
 * @returns how many more there may be
 */
export function evictionSlack(max: number): number {
  return Math.min(max / 8, EVICTION_BATCH);
}

/** By this time nothing had gone. */
export const NEVER = -1;

/**
 * What is gone, if it went after a time.
 *
 * @param asOf the time
 * @param gone what is gone, if anything is
 * @returns the same, if it counts
 */
export function wentAfter(asOf: number, gone: Gone | undefined): Gone | undefined {
  return gone && gone.at > asOf ? gone : undefined;
}

/** For this many prefixes and times the newest of their topics is remembered, until something else is gone. */
const REMEMBERED_PREFIXES = 64;

/** What is gone of topics, in memory. */
export class GoneMap implements GoneTopics {
  readonly #max: number;
  /** Ordered by when they lost messages, the latest last. */
  readonly #topics = new NameMap<Gone>();
  /** The earlier values of what this transaction changed. */
  readonly #undo = new NameMap<Gone | undefined>();
  #horizon: Gone = { seq: 0, at: 0 };
  /** What was found of prefixes: to find it takes a walk over all topics. */
  readonly #prefixes = new NameMap<{ readonly gone: Gone | undefined }>();

  /**
   * Nothing is gone yet.
   *
   * @param max how many topics are known exactly
   */
  constructor(max: number) {
    this.#max = max;
  }

  get horizon(): Gone {
    return this.#horizon;
  }

  get newest(): number {
    return [...this.#topics.values()].reduce(
      (max, { seq }) => Math.max(max, seq),
      this.#horizon.seq,
    );
  }

  find(topic: string): Gone | undefined {
    return this.#topics.get(topic);
  }

  findPrefix(prefix: string, asOf: number): Gone | undefined {
    // Mostly all of them went earlier: so it need not be found out for each time.
    const all = wentAfter(asOf, this.#newest(prefix, NEVER));
    return all && asOf > NEVER ? this.#newest(prefix, asOf) : all;
  }

  record(messages: readonly GoneMessage[]): void {
    this.#prefixes.clear();
    for (const { topic, seq, at } of messages) {
      const previous = this.#topics.get(topic);
      if (previous && previous.seq > seq) continue;
      if (!previous && seq <= this.#horizon.seq) {
        // A newer message may have been dropped already. If the transaction fails, the horizon is higher than it must
        // be.
        this.#horizon = horizonOf(this.#horizon, { seq, at });
        continue;
      }
      if (!this.#undo.has(topic)) this.#undo.set(topic, previous);
      this.#topics.delete(topic);
      this.#topics.set(topic, { seq, at });
    }
  }

  commit(): void {
    if (this.#undo.size === 0) return;
    this.#undo.clear();
    let excess = this.#topics.size - this.#max;
    // To find the oldest, a map passes over all entries that were deleted before: this many are dropped at a time.
    if (excess <= evictionSlack(this.#max)) return;
    for (const [topic, gone] of this.#topics) {
      this.#topics.delete(topic);
      this.#horizon = horizonOf(this.#horizon, gone);
      if (--excess === 0) return;
    }
  }

  rollback(): void {
    this.#prefixes.clear();
    for (const [topic, previous] of this.#undo) {
      if (previous) this.#topics.set(topic, previous);
      else this.#topics.delete(topic);
    }
    this.#undo.clear();
  }

  #newest(prefix: string, asOf: number): Gone | undefined {
    const key = `${asOf} ${prefix}`;
    const remembered = this.#prefixes.get(key);
    if (remembered) return remembered.gone;
    let gone: Gone | undefined;
    for (const [topic, found] of this.#topics) {
      if (found.at > asOf && topic.startsWith(prefix)) gone = horizonOf(gone ?? found, found);
    }
    if (this.#prefixes.size === REMEMBERED_PREFIXES) this.#prefixes.clear();
    this.#prefixes.set(key, { gone });
    return gone;
  }
}
