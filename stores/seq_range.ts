/**
 * Which messages a store has: all from one number to another.
 *
 * Sequence numbers are handed out without gaps and messages expire from the oldest on; and a message's time
 * never runs backwards. Hence expiry is a position, found by halving, and needs no index over time.
 *
 * @module
 */

/** Where a span begins and ends, and the time of the last message that there was. */
export interface SeqRangeState {
  readonly floor: number;
  readonly last: number;
  readonly lastTime: number;
}

/** How far apart they are at least, and how many are kept. */
const TIME_SAMPLES = { step: 64, max: 16_384 };

/** The messages above a floor, up to the last. */
export class SeqRange {
  readonly #timeOf: (seq: number) => number;
  #floor = 0;
  #last = 0;
  #lastTime = 0;
  /** The oldest message above the floor was stored then, or later: to find out when is left to whoever needs it. */
  #oldestTime = Infinity;
  /** When some messages were stored, for those who ask from a time on. */
  readonly #timeSamples = new Map<number, number>();

  /**
   * Makes a span, an empty one unless it is told where it stands.
   *
   * @param timeOf tells when a message above the floor was stored
   * @param start where it begins and ends, and the time of the last message that there was
   */
  constructor(
    timeOf: (seq: number) => number,
    { floor, last, lastTime }: SeqRangeState = { floor: 0, last: 0, lastTime: 0 },
  ) {
    this.#timeOf = timeOf;
    this.#floor = floor;
    this.#last = last;
    this.#lastTime = lastTime;
    if (floor < last) this.#oldestTime = timeOf(floor + 1);
  }

  /** Everything up to here has expired. */
  get floor(): number {
    return this.#floor;
  }

  /** The last sequence number that was given. */
  get last(): number {
    return this.#last;
  }

  /** The time of the last message that there was. */
  get lastTime(): number {
    return this.#lastTime;
  }

  /** Messages were stored, as the last. */
  extend(count: number, time: number): void {
    if (this.#floor === this.#last) this.#oldestTime = time;
    this.#last += count;
    this.#lastTime = time;
  }

  /** Raises the floor over what was stored at this time or before. Once gone, a message stays gone. */
  expire(cutoff: number): void {
    if (this.#oldestTime > cutoff) return;
    this.#oldestTime = this.#floor === this.#last ? Infinity : this.#timeOf(this.#floor + 1);
    if (this.#oldestTime > cutoff) return;
    // Mostly a few messages have expired since the last time: so first in growing steps from the floor.
    let step = 1;
    while (this.#floor + step < this.#last && this.#timeOf(this.#floor + step) <= cutoff) step *= 2;
    this.raiseFloor(this.#bisect(cutoff, Math.min(this.#last, this.#floor + step)));
  }

  /** Raises the floor to a number. */
  raiseFloor(upTo: number): void {
    this.#floor = upTo;
    if (upTo === this.#last) this.#oldestTime = Infinity;
  }

  /** Remembers how it is now; what comes back makes it so again. */
  savepoint(): () => void {
    const [floor, last, lastTime, oldestTime] = [
      this.#floor,
      this.#last,
      this.#lastTime,
      this.#oldestTime,
    ];
    return () => {
      this.#timeSamples.clear();
      this.#floor = floor;
      this.#last = last;
      this.#lastTime = lastTime;
      this.#oldestTime = oldestTime;
    };
  }

  /** The last message above the floor that was stored at this time or before; the floor, if there is none. */
  lastStoredBy(time: number): number {
    let [low, high] = [this.#floor, this.#last];
    while (low < high) {
      // Wherever the range begins and ends, the numbers looked at first are the same, and their times are remembered.
      const step = 2 ** Math.floor(Math.log2(high - low));
      const middle = high - high % step;
      if (this.#sampledTime(middle, step) <= time) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #sampledTime(seq: number, step: number): number {
    if (step < TIME_SAMPLES.step) return this.#timeOf(seq);
    let time = this.#timeSamples.get(seq);
    if (time === undefined) {
      time = this.#timeOf(seq);
      if (this.#timeSamples.size === TIME_SAMPLES.max) this.#timeSamples.clear();
      this.#timeSamples.set(seq, time);
    }
    return time;
  }

  #bisect(time: number, high: number): number {
    let low = this.#floor;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#timeOf(middle) <= time) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
