/**
 * Work of which there may be much at once, and which nobody waits for: clearing up after those who have gone.
 *
 * @module
 */

import { afterNetworkPoll } from "../budgets/after_network_poll.ts";

/** How long chores take at a time, in milliseconds; then others have their turn. */
const SLICE_MS = 4;

/** This many are done at once: to put them off would take as long. */
const AT_ONCE = 64;

/** Does things one after another, in slices. */
export class BackgroundTasks {
  /** Each does a little when it is called, and returns whether there is more. */
  readonly #waiting: (() => boolean)[] = [];
  readonly #onError: (error: unknown) => void;
  readonly #afterNetworkPoll: (callback: () => void) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * There is nothing to do.
   *
   * @param onError takes note of a defect
   * @param afterPoll calls back once the network was looked at. Default: the system's
   */
  constructor(
    onError: (error: unknown) => void,
    afterPoll: (callback: () => void) => void = afterNetworkPoll,
  ) {
    this.#onError = onError;
    this.#afterNetworkPoll = afterPoll;
  }

  /**
   * Does something with each of many.
   *
   * @param items what to do it with; those that are taken out before their turn are left out
   * @param count how many there are
   * @param task does it with one
   * @param atOnce so many are few, and are done at once. Default: 64
   * @returns when it is done; nothing if it is, for there were few
   */
  forEach<Item>(
    items: Iterable<Item>,
    count: number,
    task: (item: Item) => void,
    atOnce: number = AT_ONCE,
  ): Promise<void> | void {
    const iterator = items[Symbol.iterator]();
    const runSome = () => {
      for (let i = 0; i < atOnce; i++) {
        const { done, value } = iterator.next();
        if (done) return false;
        task(value);
      }
      return true;
    };
    if (count <= atOnce) {
      while (runSome());
      return;
    }
    return new Promise((resolve) => {
      this.#waiting.push(() => {
        try {
          if (runSome()) return true;
        } catch (error) {
          // A defect; the others are cleared up all the same.
          this.#onError(error);
          return true;
        }
        resolve();
        return false;
      });
      this.#schedule();
    });
  }

  /** Does what is left, at once. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const runSome of this.#waiting.splice(0)) while (runSome());
  }

  #runSlice(): void {
    this.#timer = undefined;
    const end = performance.now() + SLICE_MS;
    let next = 0;
    while (next < this.#waiting.length && performance.now() < end) {
      if (!this.#waiting[next]!()) next++;
    }
    this.#waiting.splice(0, next);
    if (this.#waiting.length > 0) this.#schedule();
  }

  /** Not at each opportunity: while there is always some to be done, the network would be looked at after 60 slices. */
  #schedule(): void {
    this.#timer ??= setTimeout(() => this.#afterNetworkPoll(() => this.#runSlice()), 0);
  }
}
