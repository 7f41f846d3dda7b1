/**
 * What is gone of each topic, and how it is remembered in memory.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import type { Gone } from "./store.ts";

/** What is remembered of a topic takes about so many bytes, if its name is as long as names mostly may be. */
export const GONE_SIZE = 400;

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
  note(messages: readonly GoneMessage[]): void;
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
const AT_ONCE = 1024;

/**
 * How many more than may be known there are before some are given up.
 *
 * @param most how many may be known
 * @returns how many more
 */
export function spareOf(most: number): number {
  return Math.min(most / 8, AT_ONCE);
}

/** What is gone of topics, in memory. */
export class GoneMap implements GoneTopics {
  readonly #most: number;
  /** Those that went last come last. */
  readonly #topics = new NameMap<Gone>();
  /** What was changed in this transaction, as it was before. */
  readonly #undo = new NameMap<Gone | undefined>();
  #horizon: Gone = { seq: 0, at: 0 };

  /**
   * Nothing is gone yet.
   *
   * @param most how many topics are known; of some more it is not told that they are not
   */
  constructor(most: number) {
    this.#most = most;
  }

  get horizon(): Gone {
    return this.#horizon;
  }

  find(topic: string): Gone | undefined {
    return this.#topics.get(topic);
  }

  note(messages: readonly GoneMessage[]): void {
    for (const { topic, seq, at } of messages) {
      const known = this.#topics.get(topic);
      if (known && known.seq > seq) continue;
      if (!known && seq <= this.#horizon.seq) {
        // A newer one may have been given up already. If the transaction fails, more is told than is true.
        this.#horizon = horizonOf(this.#horizon, { seq, at });
        continue;
      }
      if (!this.#undo.has(topic)) this.#undo.set(topic, known);
      this.#topics.delete(topic);
      this.#topics.set(topic, { seq, at });
    }
  }

  commit(): void {
    if (this.#undo.size === 0) return;
    this.#undo.clear();
    let tooMany = this.#topics.size - this.#most;
    // Who looks for the oldest passes over the places of all that were given up before: so it is done for many at a time.
    if (tooMany <= spareOf(this.#most)) return;
    for (const [topic, gone] of this.#topics) {
      this.#topics.delete(topic);
      this.#horizon = horizonOf(this.#horizon, gone);
      if (--tooMany === 0) return;
    }
  }

  rollback(): void {
    for (const [topic, known] of this.#undo) {
      if (known) this.#topics.set(topic, known);
      else this.#topics.delete(topic);
    }
    this.#undo.clear();
  }
}
