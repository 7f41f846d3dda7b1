/**
 * What goes alone on a connection, and how many of these may be under way at a time.
 *
 * While something under suspicion is not done, each request has a frame of its own, also one that is not suspected.
 *
 * @module
 */

/** So many requests under suspicion go one after the other; each one that does no harm lets one more be under way then. */
const ONE_BY_ONE = 16;

/** The requests under suspicion on a connection, by their ids. */
export class Trials {
  /** What is under suspicion and not done. */
  readonly #suspects = new Set<number>();
  /** What went alone and is not done, and how many are. */
  readonly #underWay = new Set<number>();
  #passed = 0;

  /** Something is under suspicion and not done: each request goes alone. */
  get any(): boolean {
    return this.#suspects.size > 0;
  }

  /** Nothing more may go alone until something that did is done. */
  get full(): boolean {
    return this.#underWay.size >= Math.max(1, this.#passed - ONE_BY_ONE);
  }

  /** It is under suspicion, and has not left. */
  suspect(id: number): void {
    this.#suspects.add(id);
  }

  /** It does not leave any more. */
  withdrew(id: number): void {
    this.#suspects.delete(id);
  }

  /** It went alone. */
  began(id: number): void {
    this.#underWay.add(id);
  }

  /** The server has gone past it: if it went alone, it did no harm. */
  passed(id: number): void {
    if (this.#underWay.size === 0 || !this.#underWay.delete(id)) return;
    this.#suspects.delete(id);
    this.#passed++;
  }

  /** The connection is over. */
  clear(): void {
    this.#suspects.clear();
    this.#underWay.clear();
    this.#passed = 0;
  }
}
