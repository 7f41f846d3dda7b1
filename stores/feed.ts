/**
 * The ordered feed of a store that lives in this process.
 *
 * @module
 */

import type { Follower, Message } from "./store.ts";

interface Following {
  readonly to: Follower;
  readonly from: number;
}

/** Brings each batch to all who follow, in the order in which they were stored. */
export class Feed {
  /** Replaced, never changed: one may join or leave while a batch is brought. */
  #following: readonly Following[] = [];
  /** What is to be brought; there are several batches when a follower has more stored in its midst. */
  readonly #batches: (readonly Message[])[] = [];

  /** Adds a follower, who gets what comes after a number, until disposed of. */
  follow(to: Follower, from: number): { readonly from: number } & Disposable {
    const following = { to, from };
    this.#following = [...this.#following, following];
    return { from, [Symbol.dispose]: () => this.#leave(following) };
  }

  /** Brings what was stored: at once, or, in the midst of the feed, after what is being brought. */
  bring(messages: readonly Message[]): void {
    if (this.#batches.push(messages) > 1) return;
    for (let batch; (batch = this.#batches[0]); this.#batches.shift()) {
      for (const following of this.#following) {
        // One who joined after the batch was stored has it behind them; one may have left.
        if (batch[0]!.seq > following.from && this.#following.includes(following)) {
          this.#give(following, batch);
        }
      }
    }
  }

  /** Messages may have been missed: everybody is told, and gets nothing more. */
  lose(error: Error): void {
    const all = this.#following;
    this.#following = [];
    for (const { to } of all) to.lost(error);
  }

  /** Brings nothing more to anybody. */
  close(): void {
    this.#following = [];
  }

  #leave(following: Following): void {
    this.#following = this.#following.filter((one) => one !== following);
  }

  #give(following: Following, batch: readonly Message[]): void {
    try {
      following.to.stored(batch);
    } catch (error) {
      // What one follower does not take must not cost the others theirs.
      this.#leave(following);
      following.to.lost(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
