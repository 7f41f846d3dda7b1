/**
 * Work of which there may be much at once, and which nobody waits for: clearing up after those who have gone.
 *
 * @module
 */

/** How long chores take at a time, in milliseconds; then others have their turn. */
const SLICE = 4;

/** This many are done at once: to put them off would take as long. */
const FEW = 64;

/** Does things one after another, in slices. */
export class Chores {
  /** Each does a little when it is called, and returns whether there is more. */
  readonly #waiting: (() => boolean)[] = [];
  readonly #failed: (error: unknown) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** There is nothing to do; `failed` takes note of a defect. */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
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
      this.#timer ??= setTimeout(() => this.#doSome(), 0);
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
    if (this.#waiting.length > 0) this.#timer = setTimeout(() => this.#doSome(), 0);
  }
}
