/**
 * Heaps of sequence numbers, which take 8 or 16 bytes for each.
 *
 * @module
 */

/** How much larger a list becomes that is full: lists are long, and what is left free in them counts. */
const GROWTH = 1.125;

/** How many numbers a list has room for at first. */
const FIRST_SIZE = 16;

/**
 * A longer copy of a list that is full.
 *
 * @param list the list
 * @returns its numbers, and room for more
 */
export function grown(list: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const longer = new Float64Array(Math.max(FIRST_SIZE, Math.ceil(list.length * GROWTH)));
  longer.set(list);
  return longer;
}

/** Sequence numbers by a time, the earliest first; of one time the smallest first. A binary heap. */
export class DueHeap {
  #times = new Float64Array(0);
  #seqs = new Float64Array(0);
  #size = 0;

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** The earliest time; `Infinity` if there is none. */
  get nextTime(): number {
    return this.#size === 0 ? Infinity : this.#times[0]!;
  }

  /** Adds a number. */
  push(time: number, seq: number): void {
    if (this.#size === this.#seqs.length) {
      this.#times = grown(this.#times);
      this.#seqs = grown(this.#seqs);
    }
    let i = this.#size++;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.#isBefore(time, seq, parent)) break;
      this.#move(parent, i);
      i = parent;
    }
    this.#set(i, time, seq);
  }

  /** Removes the number of the earliest time, and returns it. There must be one. */
  pop(): number {
    const first = this.#seqs[0]!;
    const last = --this.#size;
    const [time, seq] = [this.#times[last]!, this.#seqs[last]!];
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= last) break;
      if (
        child + 1 < last && this.#isBefore(this.#times[child + 1]!, this.#seqs[child + 1]!, child)
      ) child++;
      if (this.#isBefore(time, seq, child)) break;
      this.#move(child, i);
      i = child;
    }
    this.#set(i, time, seq);
    if (last === 0) this.#times = this.#seqs = new Float64Array(0);
    return first;
  }

  #isBefore(time: number, seq: number, other: number): boolean {
    const otherTime = this.#times[other]!;
    return time < otherTime || (time === otherTime && seq < this.#seqs[other]!);
  }

  #move(from: number, to: number): void {
    this.#set(to, this.#times[from]!, this.#seqs[from]!);
  }

  #set(at: number, time: number, seq: number): void {
    this.#times[at] = time;
    this.#seqs[at] = seq;
  }
}

/** Sequence numbers, the smallest first. A binary heap. */
export class SeqHeap {
  #seqs = new Float64Array(0);
  #size = 0;

  /** The smallest number; `undefined` if there is none. */
  get first(): number | undefined {
    return this.#size === 0 ? undefined : this.#seqs[0];
  }

  /** Adds a number. */
  push(seq: number): void {
    if (this.#size === this.#seqs.length) this.#seqs = grown(this.#seqs);
    let i = this.#size++;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (this.#seqs[parent]! <= seq) break;
      this.#seqs[i] = this.#seqs[parent]!;
      i = parent;
    }
    this.#seqs[i] = seq;
  }

  /** Removes the smallest number. There must be one. */
  pop(): void {
    const last = --this.#size;
    const seq = this.#seqs[last]!;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= last) break;
      if (child + 1 < last && this.#seqs[child + 1]! < this.#seqs[child]!) child++;
      if (seq <= this.#seqs[child]!) break;
      this.#seqs[i] = this.#seqs[child]!;
      i = child;
    }
    this.#seqs[i] = seq;
    if (last === 0) this.#seqs = new Float64Array(0);
  }
}
