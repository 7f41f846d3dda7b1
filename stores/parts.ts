/**
 * Work of a store that takes long, in parts.
 *
 * @module
 */

import { afterLook as systemLook } from "../budgets/look.ts";

/** One part of something. */
interface Waiting {
  readonly goOn: () => void;
}

/** Between two looks at the network one part of one thing is done, whoever wait: first those who came first. */
export class Parts {
  readonly #afterLook: (callback: () => void) => void;
  readonly #waiting = new Set<Waiting>();
  #looks = false;

  /**
   * Nothing waits yet.
   *
   * @param afterLook calls back once the network was looked at. Default: the system's
   */
  constructor(afterLook: (callback: () => void) => void = systemLook) {
    this.#afterLook = afterLook;
  }

  /**
   * Waits for the next part.
   *
   * @param goOn does it
   * @returns takes it out; may be called afterwards, too
   */
  next(goOn: () => void): () => void {
    const one = { goOn };
    this.#waiting.add(one);
    this.#look();
    return () => void this.#waiting.delete(one);
  }

  #look(): void {
    if (this.#looks || this.#waiting.size === 0) return;
    this.#looks = true;
    this.#afterLook(() => {
      this.#looks = false;
      const [one] = this.#waiting;
      if (!one) return;
      this.#waiting.delete(one);
      this.#look();
      one.goOn();
    });
  }
}
