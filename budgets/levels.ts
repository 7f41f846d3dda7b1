/**
 * Those who wait for a turn, by how much they have used.
 *
 * @module
 */

/** Those who wait are told apart by what they want and have used: from one level to the next it is twice as much. */
const LEVELS = 10;

/** Of so many turns one goes to each level in rotation: who has used much waits long, but not for ever. */
const ROTATION = 4;

interface Waiting {
  readonly goOn: () => void;
}

/** Gives them out one after another: those who have used least come first, and of these who came first. */
export class Levels {
  readonly #levels = Array.from({ length: LEVELS }, () => new Set<Waiting>());
  #size = 0;
  #picked = 0;

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /**
   * Adds one.
   *
   * @param used how much it has used lately and wants to use now, in milliseconds
   * @param goOn what it waits for
   * @returns takes it out; may be called twice, and afterwards
   */
  add(used: number, goOn: () => void): () => void {
    const one = { goOn };
    const level = Math.ceil(Math.log2(used)) + 2;
    const waiting = this.#levels[Math.min(Math.max(level, 0), LEVELS - 1)]!;
    waiting.add(one);
    this.#size++;
    return () => {
      if (waiting.delete(one)) this.#size--;
    };
  }

  /** Takes out whose turn it is; there is one. */
  next(): () => void {
    const waiting = this.#pick();
    const [one] = waiting;
    waiting.delete(one!);
    this.#size--;
    return one!.goOn;
  }

  #pick(): Set<Waiting> {
    const turn = this.#picked++;
    const from = turn % ROTATION === ROTATION - 1 ? Math.floor(turn / ROTATION) % LEVELS : 0;
    for (let i = from; i < from + LEVELS; i++) {
      const level = this.#levels[i % LEVELS]!;
      if (level.size > 0) return level;
    }
    throw new Error("nobody waits");
  }
}
