/**
 * Long work of a store, in slices.
 *
 * @module
 */

import { afterNetworkPoll as systemPoll } from "../budgets/after_network_poll.ts";

/** A slice. */
interface PendingSlice {
  readonly run: () => void;
}

/** Between two polls of the network one slice of one work is done: first of those that came first. */
export class SlicedWork {
  readonly #afterNetworkPoll: (callback: () => void) => void;
  readonly #pending = new Set<PendingSlice>();
  #isScheduled = false;

  /**
   * Nothing waits yet.
   *
   * @param afterNetworkPoll calls back after the event loop has polled the network. Default: the system's
   */
  constructor(afterNetworkPoll: (callback: () => void) => void = systemPoll) {
    this.#afterNetworkPoll = afterNetworkPoll;
  }

  /**
   * Waits for the next slice.
   *
   * @param run does it
   * @returns cancels it; may be called afterwards, too
   */
  next(run: () => void): () => void {
    const one = { run };
    this.#pending.add(one);
    this.#schedule();
    return () => void this.#pending.delete(one);
  }

  #schedule(): void {
    if (this.#isScheduled || this.#pending.size === 0) return;
    this.#isScheduled = true;
    this.#afterNetworkPoll(() => {
      this.#isScheduled = false;
      const [one] = this.#pending;
      if (!one) return;
      this.#pending.delete(one);
      this.#schedule();
      one.run();
    });
  }
}
