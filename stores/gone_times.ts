/**
 * When messages that are gone ceased to be readable, as long as they are not purged.
 *
 * @module
 */

/** Messages were given up, before they expired or as they did. */
export interface DroppedRange {
  /** All up to this one that had not been given up before; 0 if there were none. */
  readonly upTo: number;
  /** When. */
  readonly at: number;
  /** For how many milliseconds each of them would have been kept. */
  readonly retention: number;
}

/** So many cost nothing to keep. */
const MIN_TO_PRUNE = 64;

/** A message ceases to be readable when it expires, or when it is given up before. */
export class GoneTimes {
  readonly #retention: number;
  /** Ordered by their numbers, and so by their times. */
  #drops: DroppedRange[] = [];
  /** How many there were when the last were forgotten. */
  #afterPrune = 0;

  /**
   * Nothing was given up yet.
   *
   * @param retention for how many milliseconds a message is kept
   */
  constructor(retention: number) {
    this.#retention = retention;
  }

  /** What was given up, as one drop: told of each message in it, the time is never too early. */
  get total(): DroppedRange {
    const { upTo, at } = this.#drops.at(-1) ?? { upTo: 0, at: 0 };
    const retention = this.#drops.reduce(
      (longest, drop) => Math.max(longest, drop.retention),
      this.#retention,
    );
    return { upTo, at, retention };
  }

  /** It is worth while to find out which of them can be forgotten. */
  get isWorthPruning(): boolean {
    return this.#drops.length > 2 * this.#afterPrune + MIN_TO_PRUNE;
  }

  /** Messages up to a number are given up now. */
  drop(upTo: number, at: number, retention: number = this.#retention): void {
    const last = this.#drops.at(-1);
    // What is given up in the same millisecond is told alike.
    if (last?.at === at && last.retention === retention) this.#drops.pop();
    this.#drops.push({ upTo, at, retention });
  }

  /** When a message ceased to be readable that was stored at a time. */
  goneAt(seq: number, time: number): number {
    let [low, high] = [0, this.#drops.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#drops[middle]!.upTo < seq) low = middle + 1;
      else high = middle;
    }
    const drop = this.#drops[low];
    return drop ? Math.min(time + drop.retention, drop.at) : time + this.#retention;
  }

  /** Nobody will ask again for messages up to a number. */
  prune(upTo: number): void {
    this.#drops = this.#drops.filter((drop) => drop.upTo > upTo);
    this.#afterPrune = this.#drops.length;
  }

  /** Remembers how it is now; what comes back makes it so again. */
  savepoint(): () => void {
    const drops = [...this.#drops];
    return () => void (this.#drops = drops);
  }
}
