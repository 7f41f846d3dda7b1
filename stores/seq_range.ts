/**
 * Which messages a store has: all from one number to another.
 *
 * Sequence numbers have no gaps, messages expire from the oldest on, and the time of messages never goes back. So
 * expiry is a position that a binary search finds, and needs no index over time.
 *
 * @module
 */

/** Where a range begins and ends, and the time of the last message that was ever stored. */
export interface SeqRangeState {
  readonly floor: number;
  readonly last: number;
  readonly lastTime: number;
}

/** The smallest distance between samples, and how many are kept. */
const TIME_SAMPLES = { step: 64, max: 16_384 };

/** A floor that rises over what has expired. */
interface Floor {
  seq: number;
  /** The oldest message above it was stored at this time or later; the exact time is looked up when it is needed. */
  oldest: number;
}

/** The messages above a floor, up to the last one. */
export class SeqRange {
  readonly #timeOf: (seq: number) => number;
  /** What has expired or was evicted by the time of the last commands. */
  #floor: Floor;
  /**
   * What has expired by the time of the last readers, who may come later than the last commands; it decides nothing
   * for commands.
   */
  #readFloor: Floor;
  #last: number;
  #lastTime: number;
  /** When some messages were stored, for readers who start from a time. */
  readonly #timeSamples = new Map<number, number>();

  /**
   * Makes a range; it is empty unless `start` is given.
   *
   * @param timeOf tells when a message above the floor was stored
   * @param start where it begins and ends, and the time of the last message that was ever stored
   */
  constructor(
    timeOf: (seq: number) => number,
    { floor, last, lastTime }: SeqRangeState = { floor: 0, last: 0, lastTime: 0 },
  ) {
    this.#timeOf = timeOf;
    this.#last = last;
    this.#lastTime = lastTime;
    this.#floor = { seq: floor, oldest: floor < last ? timeOf(floor + 1) : Infinity };
    this.#readFloor = { ...this.#floor };
  }

  /** For commands, everything up to here is gone. */
  get floor(): number {
    return this.#floor.seq;
  }

  /** The last sequence number that was given. */
  get last(): number {
    return this.#last;
  }

  /** The time of the last message that was ever stored. */
  get lastTime(): number {
    return this.#lastTime;
  }

  /** A message was stored, as the last one. */
  extend(time: number): void {
    if (this.#floor.seq === this.#last) this.#floor.oldest = time;
    if (this.#readFloor.seq === this.#last) this.#readFloor.oldest = time;
    this.#last++;
    this.#lastTime = time;
  }

  /** Raises the floor over what was stored at this time or before. A message that is gone stays gone. */
  expire(cutoff: number): void {
    if (this.#floor.oldest <= cutoff) this.#rise(this.#floor, cutoff);
  }

  /** The floor for readers, who do not see what was stored at this time or before. */
  readFloor(cutoff: number): number {
    if (this.#readFloor.seq < this.#floor.seq) this.#readFloor = { ...this.#floor };
    if (this.#readFloor.oldest <= cutoff) this.#rise(this.#readFloor, cutoff);
    return this.#readFloor.seq;
  }

  /** Raises the floor to a number. */
  raiseFloor(upTo: number): void {
    this.#raise(this.#floor, upTo);
  }

  /** Saves the state; the result restores it. */
  savepoint(): () => void {
    const [floor, readFloor] = [{ ...this.#floor }, { ...this.#readFloor }];
    const [last, lastTime] = [this.#last, this.#lastTime];
    return () => {
      this.#timeSamples.clear();
      this.#floor = floor;
      this.#readFloor = readFloor;
      this.#last = last;
      this.#lastTime = lastTime;
    };
  }

  /**
   * The last message that was stored at this time or before.
   *
   * @param time the time
   * @param after only messages after this one, which must be there; it is returned if there is none. Default: the floor
   */
  lastStoredBy(time: number, after: number = this.floor): number {
    let [low, high] = [after, this.#last];
    while (low < high) {
      // The first numbers of the search are the same wherever the range begins and ends, so their times are worth
      // keeping.
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

  #rise(floor: Floor, cutoff: number): void {
    floor.oldest = floor.seq === this.#last ? Infinity : this.#timeOf(floor.seq + 1);
    if (floor.oldest > cutoff) return;
    // Usually few messages have expired since the last time: so begin at the floor, in growing steps.
    let step = 1;
    while (floor.seq + step < this.#last && this.#timeOf(floor.seq + step) <= cutoff) step *= 2;
    let [low, high] = [floor.seq, Math.min(this.#last, floor.seq + step)];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#timeOf(middle) <= cutoff) low = middle;
      else high = middle - 1;
    }
    this.#raise(floor, low);
  }

  #raise(floor: Floor, lastStoredBy: number): void {
    floor.seq = lastStoredBy;
    if (lastStoredBy === this.#last) floor.oldest = Infinity;
  }
}
