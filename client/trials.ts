/**
 * What goes alone on a connection, and how many of these may be under way at a time.
 *
 * While something under suspicion is not done, each request has a frame of its own, also one that is not suspected.
 *
 * @module
 */

/** So many requests under suspicion go one after the other; each one that does no harm lets one more be under way then. */
const SERIAL_TRIALS = 16;

/** The requests under suspicion on a connection, by their ids. */
export class Trials {
  /** What is under suspicion and not done. */
  readonly #suspects = new Set<number>();
  /** What went alone and is not done, and how many are. */
  readonly #inFlight = new Set<number>();
  #passedCount = 0;

  /** Something is under suspicion and not done: each request goes alone. */
  get isActive(): boolean {
    return this.#suspects.size > 0;
  }

  /** Nothing more may go alone until something that did is done. */
  get isFull(): boolean {
    return this.#inFlight.size >= Math.max(1, this.#passedCount - SERIAL_TRIALS);
  }

  /** It is under suspicion, and has not left. */
  addSuspect(id: number): void {
    this.#suspects.add(id);
  }

  /** It does not leave any more. */
  onWithdrawn(id: number): void {
    this.#suspects.delete(id);
  }

  /** It went alone. */
  onSent(id: number): void {
    this.#inFlight.add(id);
  }

  /** The server has gone past it: if it went alone, it did no harm. */
  onPassed(id: number): void {
    if (this.#inFlight.size === 0 || !this.#inFlight.delete(id)) return;
    this.#suspects.delete(id);
    this.#passedCount++;
  }

  /** The connection is over. */
  clear(): void {
    this.#suspects.clear();
    this.#inFlight.clear();
    this.#passedCount = 0;
  }
}
