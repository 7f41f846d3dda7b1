/**
 * Work of a store that takes long, in parts.
 *
 * @module
 */

import { afterNetworkPoll as systemPoll } from "../budgets/after_network_poll.ts";

/** One part of something. */
interface PendingSlice {
  readonly run: () => void;
}

/** Between two looks at the network one part of one thing is done, whoever wait: first those who came first. */
export class SlicedWork {
  readonly #afterNetworkPoll: (callback: () => void) => void;
  readonly #pending = new Set<PendingSlice>();
  #isScheduled = false;

  /**
   * Nothing waits yet.
   *
   * @param afterNetworkPoll calls back once the network was looked at. Default: the system's
   */
  constructor(afterNetworkPoll: (callback: () => void) => void = systemPoll) {
    this.#afterNetworkPoll = afterNetworkPoll;
  }

  /**
   * Waits for the next part.
   *
   * @param run does it
   * @returns takes it out; may be called afterwards, too
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
