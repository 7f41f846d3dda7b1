/**
 * The ordered feed of a store that lives in this process.
 *
 * @module
 */

import type { Follower, TopicMessage } from "./store.ts";

interface ActiveFollower {
  readonly follower: Follower;
  readonly from: number;
}

/** Brings each batch to all who follow, in the order in which they were stored. */
export class Feed {
  /** Replaced, never changed: one may join or leave while a batch is brought. */
  #followers: readonly ActiveFollower[] = [];
  /** What is to be brought; there are several batches when a follower has more stored in its midst. */
  readonly #batches: (readonly TopicMessage[])[] = [];

  /** Adds a follower, who gets what comes after a number, until disposed of. */
  follow(follower: Follower, from: number): { readonly from: number } & Disposable {
    const active = { follower, from };
    this.#followers = [...this.#followers, active];
    return { from, [Symbol.dispose]: () => this.#remove(active) };
  }

  /** Brings what was stored: at once, or, in the midst of the feed, after what is being brought. */
  publish(messages: readonly TopicMessage[]): void {
    if (this.#batches.push(messages) > 1) return;
    for (let batch; (batch = this.#batches[0]); this.#batches.shift()) {
      for (const active of this.#followers) {
        // One who joined after the batch was stored has it behind them; one may have left.
        if (batch[0]!.seq > active.from && this.#followers.includes(active)) {
          this.#deliver(active, batch);
        }
      }
    }
  }

  /** Messages may have been missed: everybody is told, and gets nothing more. */
  fail(error: Error): void {
    const followers = this.#followers;
    this.#followers = [];
    for (const { follower } of followers) follower.lost(error);
  }

  /** Brings nothing more to anybody. */
  close(): void {
    this.#followers = [];
  }

  #remove(active: ActiveFollower): void {
    this.#followers = this.#followers.filter((one) => one !== active);
  }

  #deliver(active: ActiveFollower, batch: readonly TopicMessage[]): void {
    try {
      active.follower.stored(batch);
    } catch (error) {
      // What one follower does not take must not cost the others theirs.
      this.#remove(active);
      active.follower.lost(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
