/**
 * The reads of one connection that wait for a message of one topic.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import type { TopicMessage } from "../stores/store.ts";

/** A read that waits. */
export interface Waiter {
  /** It still waits: it was neither served nor ended. */
  readonly open: boolean;
  /** Gives it its message. */
  deliver(message: TopicMessage): void;
  /** Ends it without a message. */
  end(error: WireError | undefined): void;
}

/** First come, first served. Waiters that have ended are skipped later: adding and removing cost the same at any length. */
export class Waiters {
  #waiters: Waiter[] = [];
  #next = 0;
  #open = 0;

  /** How many wait. */
  get length(): number {
    return this.#open;
  }

  /** Adds one at the end. */
  add(waiter: Waiter): void {
    this.#waiters.push(waiter);
    this.#open++;
  }

  /** One of them waits no longer. */
  remove(): void {
    this.#open--;
    // Most entries do not wait any more: they are removed in one go for many.
    if (this.#waiters.length > 2 * this.#open + 32) {
      this.#waiters = this.#waiters.slice(this.#next).filter(({ open }) => open);
      this.#next = 0;
    }
  }

  /** The first one; it counts until it is removed. */
  next(): Waiter | undefined {
    while (this.#next < this.#waiters.length) {
      const waiter = this.#waiters[this.#next++]!;
      if (waiter.open) return waiter;
    }
  }
}
