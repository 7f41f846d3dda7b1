/**
 * Work that may be much at once and that nobody waits for, such as the cleanup after closed connections.
 *
 * @module
 */

import { afterNetworkPoll } from "../budgets/after_network_poll.ts";

/** How long tasks run at a time, in milliseconds; then others have their turn. */
const SLICE_MS = 4;

/** This many items are processed at once: deferring them would take as long. */
const AT_ONCE = 64;

/** Runs tasks one after another, in slices of time. */
export class BackgroundTasks {
  /** Each does a little work when it is called, and returns whether there is more. */
  readonly #waiting: (() => boolean)[] = [];
  readonly #onError: (error: unknown) => void;
  readonly #afterNetworkPoll: (callback: () => void) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Starts without tasks.
   *
   * @param onError is called with an unexpected error
   * @param afterPoll calls back after the network was polled. Default: the system's
   */
  constructor(
    onError: (error: unknown) => void,
    afterPoll: (callback: () => void) => void = afterNetworkPoll,
  ) {
    this.#onError = onError;
    this.#afterNetworkPoll = afterPoll;
  }

  /**
   * Processes each of many items.
   *
   * @param items the items; those that are removed before their turn are skipped
   * @param count how many there are
   * @param task processes one
   * @param atOnce up to this many are processed at once. Default: 64
   * @returns when all are processed; nothing if they were processed at once
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
          // A defect. The other items are processed all the same.
          this.#onError(error);
          return true;
        }
        resolve();
        return false;
      });
      this.#schedule();
    });
  }

  /** Runs everything that is left, at once. */
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

  /** Not at each opportunity: while there is always work, Deno would poll the network only after 60 slices. */
  #schedule(): void {
    this.#timer ??= setTimeout(() => this.#afterNetworkPoll(() => this.#runSlice()), 0);
  }
}
