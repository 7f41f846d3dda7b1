/**
 * Tasks that wait for a turn, by how much their connections have used.
 *
 * @module
 */

/** The number of levels. A level stands for twice as much use as the one before. */
const LEVELS = 10;

/** One of this many turns goes to the levels in rotation, so that a heavy user waits long, but is never starved. */
const ROTATION = 4;

interface WaitingTask {
  readonly resume: () => void;
}

/** Gives tasks out one at a time: the least use comes first, and within a level who came first. */
export class PriorityLevels {
  readonly #levels = Array.from({ length: LEVELS }, () => new Set<WaitingTask>());
  #size = 0;
  #picked = 0;

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /**
   * Adds a task.
   *
   * @param used recent and requested use, in milliseconds
   * @param resume called when its turn comes
   * @returns removes it; may be called twice, and after its turn
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

  /** Removes and returns the task whose turn it is. There must be one. */
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
