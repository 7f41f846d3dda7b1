/**
 * When messages ceased to be readable that are gone and not purged yet.
 *
 * @module
 */

/** Messages were evicted, before they expired or when they did. */
export interface DroppedRange {
  /** All messages up to this one that had not been evicted before; 0 if there were none. */
  readonly upTo: number;
  /** From this time on they are gone. */
  readonly at: number;
  /** The retention that they had, in milliseconds. */
  readonly retention: number;
}

/** This many cost nothing to keep. */
const MIN_TO_PRUNE = 64;

/** A message ceases to be readable when it expires or is evicted. */
export class GoneTimes {
  readonly #retention: number;
  /** Ordered by number, and so by time. */
  #drops: DroppedRange[] = [];
  /** How many were left when some were forgotten last. */
  #afterPrune = 0;

  /**
   * Nothing was evicted yet.
   *
   * @param retention how long a message is kept, in milliseconds
   */
  constructor(retention: number) {
    this.#retention = retention;
  }

  /** All that was evicted, as one entry: for each message in it the time is never too early. */
  get total(): DroppedRange {
    const { upTo, at } = this.#drops.at(-1) ?? { upTo: 0, at: 0 };
    const retention = this.#drops.reduce(
      (longest, drop) => Math.max(longest, drop.retention),
      this.#retention,
    );
    return { upTo, at, retention };
  }

  /** It is worth finding out which entries can be forgotten. */
  get isWorthPruning(): boolean {
    return this.#drops.length > 2 * this.#afterPrune + MIN_TO_PRUNE;
  }

  /** Messages up to a number are evicted. */
  drop(upTo: number, at: number, retention: number = this.#retention): void {
    const last = this.#drops.at(-1);
    // Evictions within a millisecond are one.
    if (last?.at === at && last.retention === retention) this.#drops.pop();
    this.#drops.push({ upTo, at, retention });
  }

  /** When a message that was stored at a time ceased to be readable. */
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

  /** Nobody will ask for messages up to a number again. */
  prune(upTo: number): void {
    this.#drops = this.#drops.filter((drop) => drop.upTo > upTo);
    this.#afterPrune = this.#drops.length;
  }

  /** Saves the state; the result restores it. */
  savepoint(): () => void {
    const drops = [...this.#drops];
    return () => void (this.#drops = drops);
  }
}
