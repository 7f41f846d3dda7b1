/**
 * Those who wait for a turn, by how much they have used.
 *
 * @module
 */

/** Those who wait are told apart by what they want and have used: from one level to the next it is twice as much. */
const LEVELS = 10;

/** Of so many turns one goes to each level in rotation: who has used much waits long, but not for ever. */
const ROTATION = 4;

interface WaitingTask {
  readonly resume: () => void;
}

/** Gives them out one after another: those who have used least come first, and of these who came first. */
export class PriorityLevels {
  readonly #levels = Array.from({ length: LEVELS }, () => new Set<WaitingTask>());
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
   * @param resume what it waits for
   * @returns takes it out; may be called twice, and afterwards
   */
  add(used: number, resume: () => void): () => void {
    const task = { resume };
    const level = Math.ceil(Math.log2(used)) + 2;
    const waiting = this.#levels[Math.min(Math.max(level, 0), LEVELS - 1)]!;
    waiting.add(task);
    this.#size++;
    return () => {
      if (waiting.delete(task)) this.#size--;
    };
  }

  /** Takes out whose turn it is; there is one. */
  next(): () => void {
    const waiting = this.#pick();
    const [task] = waiting;
    waiting.delete(task!);
    this.#size--;
    return task!.resume;
  }

  #pick(): Set<WaitingTask> {
    const turn = this.#picked++;
    const from = turn % ROTATION === ROTATION - 1 ? Math.floor(turn / ROTATION) % LEVELS : 0;
    for (let i = from; i < from + LEVELS; i++) {
      const level = this.#levels[i % LEVELS]!;
      if (level.size > 0) return level;
    }
    throw new Error("nobody waits");
  }
}
