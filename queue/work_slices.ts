/**
 * Long work in slices, however many do a part of it.
 *
 * @module
 */

import { afterNetworkPoll } from "../budgets/after_network_poll.ts";

/** How long they work in one go, in milliseconds; then others have their turn. */
const SLICE_MS = 4;

/** If none of them has worked for so long, others have had their turn, in milliseconds. */
const IDLE_MS = 1;

/** Lets others have their turn. */
export class WorkSlices {
  readonly #afterNetworkPoll: (callback: () => void) => void;
  #began = -Infinity;
  #worked = -Infinity;
  #pause: Promise<void> | undefined;

  /**
   * Begins with nothing to do.
   *
   * @param afterPoll calls back after the network was polled. Default: the system's
   */
  constructor(afterPoll: (callback: () => void) => void = afterNetworkPoll) {
    this.#afterNetworkPoll = afterPoll;
  }

  /** Work is about to go on: returns when, if others have their turn first. */
  pause(): Promise<void> | undefined {
    if (this.#pause) return this.#pause;
    const now = performance.now();
    if (now - this.#worked > IDLE_MS) this.#began = now;
    this.#worked = now;
    if (now - this.#began < SLICE_MS) return undefined;
    return this.#pause = new Promise((resolve) =>
      this.#afterNetworkPoll(() => {
        this.#pause = undefined;
        this.#began = this.#worked = performance.now();
        resolve();
      })
    );
  }
}
