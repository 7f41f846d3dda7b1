/**
 * The line of those who wait for one topic on one connection.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import type { TopicMessage } from "../stores/store.ts";

/** Someone in the line. */
export interface Waiter {
  /** Still waits: neither served nor gone. */
  readonly open: boolean;
  /** Gives it its message. */
  deliver(message: TopicMessage): void;
  /** Tells it that there will be none. */
  end(error: WireError | undefined): void;
}

/** First come, first served. Whoever leaves is passed over later: joining and leaving cost the same in any length. */
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

  /** One of those in the line waits no longer. */
  remove(): void {
    this.#open--;
    // Most of what is kept does not wait any more: it is cleared away, in one go for many.
    if (this.#waiters.length > 2 * this.#open + 32) {
      this.#waiters = this.#waiters.slice(this.#next).filter(({ open }) => open);
      this.#next = 0;
    }
  }

  /** Calls up the first; it is in the line until it says that it left. */
  next(): Waiter | undefined {
    while (this.#next < this.#waiters.length) {
      const waiter = this.#waiters[this.#next++]!;
      if (waiter.open) return waiter;
    }
  }
}
