/**
 * Many that are each served once in an interval, and not all at the same moment.
 *
 * @module
 */

/** An interval is divided into this many parts, in each of which some are served. */
export const ROTATION_PARTS = 16;

/**
 * Tells which parts of an interval are due. Each is due once in each interval, at the same time of it, however late the
 * timers of a busy process are: one that is late serves all that are due by then. Otherwise each interval would last as long
 * as that many turns of the event loop.
 */
export class Rotation {
  readonly #partLength: number;
  /** When the next part is due. */
  #due: number;
  #next = 0;

  /**
   * Starts.
   *
   * @param interval how often each part is due, in milliseconds
   * @param now the present time, in milliseconds since some moment
   */
  constructor(interval: number, now: number) {
    this.#partLength = interval / ROTATION_PARTS;
    this.#due = now + this.#partLength;
  }

  /** How long it takes until the next part is due, in milliseconds. */
  wait(now: number): number {
    return Math.max(0, this.#due - now);
  }

  /**
   * Takes the parts that are due. Called when the wait is over: a timer may be early by a fraction of a millisecond, so there
   * is at least one.
   *
   * @param now the present time
   * @returns their indices, from the one that has been due for longest; after a sleep all, each once
   */
  takeDue(now: number): number[] {
    const passed = Math.max(1, 1 + Math.floor((now - this.#due) / this.#partLength));
    this.#due += passed * this.#partLength;
    const end = this.#next + passed;
    const count = Math.min(passed, ROTATION_PARTS);
    this.#next = end % ROTATION_PARTS;
    return Array.from({ length: count }, (_, i) => (end - count + i) % ROTATION_PARTS);
  }
}
