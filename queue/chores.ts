/**
 * Work of which there may be much at once, and which nobody waits for: clearing up after those who have gone.
 *
 * @module
 */

import { afterLook } from "../budgets/look.ts";

/** How long chores take at a time, in milliseconds; then others have their turn. */
const SLICE = 4;

/** This many are done at once: to put them off would take as long. */
const FEW = 64;

/** Does things one after another, in slices. */
export class Chores {
  /** Each does a little when it is called, and returns whether there is more. */
  readonly #waiting: (() => boolean)[] = [];
  readonly #failed: (error: unknown) => void;
  readonly #afterLook: (callback: () => void) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * There is nothing to do.
   *
   * @param failed takes note of a defect
   * @param after calls back once the network was looked at. Default: the system's
   */
  constructor(
    failed: (error: unknown) => void,
    after: (callback: () => void) => void = afterLook,
  ) {
    this.#failed = failed;
    this.#afterLook = after;
  }

  /**
   * Does something with each of many.
   *
   * @param all what to do it with; those that are taken out before their turn are left out
   * @param count how many there are
   * @param act does it with one
   * @param few so many are few, and are done at once. Default: 64
   * @returns when it is done; nothing if it is, for there were few
   */
  each<Item>(
    all: Iterable<Item>,
    count: number,
    act: (item: Item) => void,
    few: number = FEW,
  ): Promise<void> | void {
    const items = all[Symbol.iterator]();
    const some = () => {
      for (let i = 0; i < few; i++) {
        const { done, value } = items.next();
        if (done) return false;
        act(value);
      }
      return true;
    };
    if (count <= few) {
      while (some());
      return;
    }
    return new Promise((resolve) => {
      this.#waiting.push(() => {
        try {
          if (some()) return true;
        } catch (error) {
          // A defect; the others are cleared up all the same.
          this.#failed(error);
          return true;
        }
        resolve();
        return false;
      });
      this.#soon();
    });
  }

  /** Does what is left, at once. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const some of this.#waiting.splice(0)) while (some());
  }

  #doSome(): void {
    this.#timer = undefined;
    const end = performance.now() + SLICE;
    let next = 0;
    while (next < this.#waiting.length && performance.now() < end) {
      if (!this.#waiting[next]!()) next++;
    }
    this.#waiting.splice(0, next);
    if (this.#waiting.length > 0) this.#soon();
  }

  /** Not at each opportunity: while there is always some to be done, the network would be looked at after 60 slices. */
  #soon(): void {
    this.#timer ??= setTimeout(() => this.#afterLook(() => this.#doSome()), 0);
  }
}
