/**
 * The ordered feed of a store that lives in this process.
 *
 * @module
 */

import type { Follower, Message } from "./store.ts";

/** Brings each batch to all who follow, in the order in which they were stored. */
export class Feed {
  /** Those who follow, and from where. */
  readonly #followers = new Map<Follower, number>();
  /** What is to be brought; there are several batches when a follower has more stored in its midst. */
  readonly #batches: (readonly Message[])[] = [];

  /** Adds a follower, who gets what comes after a number, until disposed of. */
  follow(to: Follower, from: number): { readonly from: number } & Disposable {
    this.#followers.set(to, from);
    return { from, [Symbol.dispose]: () => void this.#followers.delete(to) };
  }

  /** Brings what was stored: at once, or, in the midst of the feed, after what is being brought. */
  bring(messages: readonly Message[]): void {
    if (this.#batches.push(messages) > 1) return;
    for (let batch; (batch = this.#batches[0]); this.#batches.shift()) {
      for (const [follower, from] of [...this.#followers]) {
        // One who joined after the batch was stored has it behind them; one may have left.
        if (batch[0]!.seq > from && this.#followers.has(follower)) follower.stored(batch);
      }
    }
  }

  /** Brings nothing more to anybody. */
  close(): void {
    this.#followers.clear();
  }
}
