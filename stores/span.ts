/**
 * Which messages a store has: all from one number to another.
 *
 * Sequence numbers are handed out without gaps and messages expire from the oldest on; and a message's time
 * never runs backwards. Hence expiry is a position, found by halving, and needs no index over time.
 *
 * @module
 */

/** The messages above a floor, up to the last. */
export class Span {
  readonly #timeOf: (seq: number) => number;
  #floor = 0;
  #last = 0;
  #lastTime = 0;
  /** When the oldest message above the floor was stored. */
  #oldest = Infinity;

  /**
   * Makes an empty span.
   *
   * @param timeOf tells when a message above the floor was stored
   */
  constructor(timeOf: (seq: number) => number) {
    this.#timeOf = timeOf;
  }

  /** Everything up to here has expired. */
  get floor(): number {
    return this.#floor;
  }

  /** The last sequence number that was given. */
  get last(): number {
    return this.#last;
  }

  /** The time of a message that is stored now: never before that of the last. */
  timeAt(now: number): number {
    return Math.max(now, this.#lastTime);
  }

  /** Messages were stored, as the last. */
  grow(count: number, time: number): void {
    if (this.#floor === this.#last) this.#oldest = time;
    this.#last += count;
    this.#lastTime = time;
  }

  /** Raises the floor over what was stored at this time or before. Once gone, a message stays gone. */
  expire(cutoff: number): void {
    if (this.#oldest > cutoff) return;
    // Mostly a few messages have expired since the last time: so first in growing steps from the floor.
    let step = 1;
    while (this.#floor + step < this.#last && this.#timeOf(this.#floor + step) <= cutoff) step *= 2;
    this.#floor = this.#halve(cutoff, Math.min(this.#last, this.#floor + step));
    this.#oldest = this.#floor === this.#last ? Infinity : this.#timeOf(this.#floor + 1);
  }

  /** The last message above the floor that was stored at this time or before; the floor, if there is none. */
  upTo(time: number): number {
    return this.#halve(time, this.#last);
  }

  #halve(time: number, high: number): number {
    let low = this.#floor;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#timeOf(middle) <= time) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
