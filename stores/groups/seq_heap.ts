/**
 * Heaps of sequence numbers, which take 8 or 12 bytes for each.
 *
 * @module
 */

/** How much larger a list becomes that is full: lists are long, and what is left free in them counts. */
const GROWTH = 1.125;

/** How many numbers a list has room for at first. */
const FIRST_SIZE = 16;

/** How far before a new time the base lies from which times count, in milliseconds. No delay is longer than 30 days. */
const BASE_BEFORE = 45 * 24 * 3600 * 1000;

const MAX_OFFSET = 2 ** 32 - 1;

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

/**
 * Sequence numbers by a time, the earliest first; of one time the smallest first. A binary heap. Times count from a base, which moves on
 * with them; what was due before the base counts as due then.
 */
export class DueHeap {
  #base = -Infinity;
  #offsets = new Uint32Array(0);
  #seqs = new Float64Array(0);
  #size = 0;

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** From when times count; `-Infinity` if none ever did. */
  get base(): number {
    return this.#base;
  }

  /** All numbers, with how long after the base each is due, in an order in which {@linkcode DueHeap.restore} takes them. */
  *entries(): Generator<readonly [offset: number, seq: number]> {
    for (let i = 0; i < this.#size; i++) yield [this.#offsets[i]!, this.#seqs[i]!];
  }

  /** Takes up what another heap has, if it has nothing yet. */
  restore(base: number, entries: Iterable<readonly [offset: number, seq: number]>): void {
    this.#base = base;
    for (const [offset, seq] of entries) this.#insert(offset, seq);
  }

  /** The earliest time; `Infinity` if there is none. */
  get nextTime(): number {
    return this.#size === 0 ? Infinity : this.#base + this.#offsets[0]!;
  }

  /** Adds a number. */
  push(time: number, seq: number): void {
    if (time - this.#base > MAX_OFFSET) this.#moveBase(time - BASE_BEFORE);
    this.#insert(Math.max(0, Math.ceil(time - this.#base)), seq);
  }

  #insert(offset: number, seq: number): void {
    if (this.#size === this.#seqs.length) this.#makeRoom();
    let i = this.#size++;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.#isBefore(offset, seq, parent)) break;
      this.#move(parent, i);
      i = parent;
    }
    this.#set(i, offset, seq);
  }

  /** Removes the number of the earliest time, and returns it. There must be one. */
  pop(): number {
    const first = this.#seqs[0]!;
    const last = --this.#size;
    const [offset, seq] = [this.#offsets[last]!, this.#seqs[last]!];
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= last) break;
      if (
        child + 1 < last && this.#isBefore(this.#offsets[child + 1]!, this.#seqs[child + 1]!, child)
      ) child++;
      if (this.#isBefore(offset, seq, child)) break;
      this.#move(child, i);
      i = child;
    }
    this.#set(i, offset, seq);
    if (last === 0) {
      this.#offsets = new Uint32Array(0);
      this.#seqs = new Float64Array(0);
    }
    return first;
  }

  #makeRoom(): void {
    this.#seqs = grown(this.#seqs);
    const offsets = new Uint32Array(this.#seqs.length);
    offsets.set(this.#offsets);
    this.#offsets = offsets;
  }

  /** What was due before the new base stays before all others. */
  #moveBase(base: number): void {
    const shift = base - this.#base;
    for (let i = 0; i < this.#size; i++) {
      this.#offsets[i] = Math.max(0, this.#offsets[i]! - shift);
    }
    this.#base = base;
  }

  #isBefore(offset: number, seq: number, other: number): boolean {
    const otherOffset = this.#offsets[other]!;
    return offset < otherOffset || (offset === otherOffset && seq < this.#seqs[other]!);
  }

  #move(from: number, to: number): void {
    this.#set(to, this.#offsets[from]!, this.#seqs[from]!);
  }

  #set(at: number, offset: number, seq: number): void {
    this.#offsets[at] = offset;
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
