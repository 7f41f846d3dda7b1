/**
 * What is gone of each topic, and how it is remembered in memory.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import type { Gone } from "./store.ts";

/** What is remembered of a topic takes about so many bytes, if its name is as long as names mostly may be. */
export const GONE_TOPIC_BYTES = 400;

/** The newest message of a topic that is purged now. */
export interface GoneMessage extends Gone {
  readonly topic: string;
}

/**
 * What is gone of topics, also of those that hold nothing any more: of the newest of them. For all others there is a
 * horizon: whatever is gone of them is not above it, and ceased to be readable no later.
 *
 * Changes belong to the transaction around them.
 */
export interface GoneTopics {
  /** What may be gone of a topic of which nothing is known; nothing, if its number is 0. */
  readonly horizon: Gone;
  /** What is gone of a topic, if that is known. */
  find(topic: string): Gone | undefined;
  /** Messages are purged: the newest of each topic, in order. */
  record(messages: readonly GoneMessage[]): void;
  /** The transaction holds. */
  commit(): void;
  /** The transaction does not hold. */
  rollback(): void;
}

/**
 * The larger of two, in each respect: a horizon for both.
 *
 * @param one what is gone
 * @param other what else is gone
 * @returns what is told of either
 */
export function horizonOf(one: Gone, other: Gone): Gone {
  return { seq: Math.max(one.seq, other.seq), at: Math.max(one.at, other.at) };
}

/** So many are given up at once, if there are not more too many. */
const EVICTION_BATCH = 1024;

/**
 * How many more than may be known there are before some are given up.
 *
 * @param max how many may be known
 * @returns how many more
 */
export function evictionSlack(max: number): number {
  return Math.min(max / 8, EVICTION_BATCH);
}

/** What is gone of topics, in memory. */
export class GoneMap implements GoneTopics {
  readonly #max: number;
  /** Those that went last come last. */
  readonly #topics = new NameMap<Gone>();
  /** What was changed in this transaction, as it was before. */
  readonly #undo = new NameMap<Gone | undefined>();
  #horizon: Gone = { seq: 0, at: 0 };

  /**
   * Nothing is gone yet.
   *
   * @param max how many topics are known; of some more it is not told that they are not
   */
  constructor(max: number) {
    this.#max = max;
  }

  get horizon(): Gone {
    return this.#horizon;
  }

  find(topic: string): Gone | undefined {
    return this.#topics.get(topic);
  }

  record(messages: readonly GoneMessage[]): void {
    for (const { topic, seq, at } of messages) {
      const previous = this.#topics.get(topic);
      if (previous && previous.seq > seq) continue;
      if (!previous && seq <= this.#horizon.seq) {
        // A newer one may have been given up already. If the transaction fails, more is told than is true.
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
    // Who looks for the oldest passes over the places of all that were given up before: so it is done for many at a time.
    if (excess <= evictionSlack(this.#max)) return;
    for (const [topic, gone] of this.#topics) {
      this.#topics.delete(topic);
      this.#horizon = horizonOf(this.#horizon, gone);
      if (--excess === 0) return;
    }
  }

  rollback(): void {
    for (const [topic, previous] of this.#undo) {
      if (previous) this.#topics.set(topic, previous);
      else this.#topics.delete(topic);
    }
    this.#undo.clear();
  }
}
