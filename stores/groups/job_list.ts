/**
 * The jobs of a group that are not finished, in the order of their messages.
 *
 * @module
 */

import { grown } from "./seq_heap.ts";

/** The states of a job. `NONE`: it is not in the list. */
export const JOB_STATE = { none: 0, blocked: 1, delayed: 2, ready: 3, held: 4, dead: 5 } as const;

/** What state a job is in. */
export type JobState = (typeof JOB_STATE)[keyof typeof JOB_STATE];

/** A list is not made shorter before this many places in it are free. */
const MIN_FREE = 64;

/**
 * Sequence numbers in ascending order, each with its state: 9 bytes for each. A job is added at the end, since the frontier only
 * rises; it leaves its place free, and free places are removed many at a time.
 */
export class JobList {
  #seqs = new Float64Array(0);
  #states = new Uint8Array(0);
  /** Before this place all are free. */
  #start = 0;
  #end = 0;
  #free = 0;
  readonly #counts = new Float64Array(6);

  /** How many jobs there are. */
  get size(): number {
    return this.#end - this.#start - this.#free;
  }

  /** How many of them are in a state. */
  count(state: JobState): number {
    return this.#counts[state]!;
  }

  /** The first job after a number; `Infinity` if there is none. */
  firstAfter(after: number): number {
    let place = this.#place(after + 1);
    while (place < this.#end && this.#states[place] === JOB_STATE.none) place++;
    return place < this.#end ? this.#seqs[place]! : Infinity;
  }

  /** The state of a job. */
  state(seq: number): JobState {
    const place = this.#place(seq);
    return this.#seqs[place] === seq && place < this.#end
      ? this.#states[place] as JobState
      : JOB_STATE.none;
  }

  /** Adds a job after all others. */
  add(seq: number, state: JobState): void {
    if (this.#end === this.#seqs.length) this.#makeRoom();
    this.#seqs[this.#end] = seq;
    this.#states[this.#end++] = state;
    this.#counts[state]!++;
  }

  /** Changes the state of a job that is there. */
  set(seq: number, state: JobState): void {
    const place = this.#place(seq);
    this.#counts[this.#states[place]!]!--;
    this.#states[place] = state;
    this.#counts[state]!++;
  }

  /** Removes a job that is there. */
  remove(seq: number): void {
    this.#removeAt(this.#place(seq));
    while (this.#start < this.#end && this.#states[this.#start] === JOB_STATE.none) {
      this.#start++;
      this.#free--;
    }
    if (this.#start === this.#end) this.#start = this.#end = 0;
  }

  /** The jobs after a number and up to another. They may be removed meanwhile. */
  between(after: number, upTo: number): number[] {
    const found: number[] = [];
    for (let i = this.#place(after + 1); i < this.#end && this.#seqs[i]! <= upTo; i++) {
      if (this.#states[i] !== JOB_STATE.none) found.push(this.#seqs[i]!);
    }
    return found;
  }

  /** All jobs with their states, the oldest first. Meanwhile nothing may change. */
  *entries(): Generator<readonly [seq: number, state: JobState]> {
    for (let i = this.#start; i < this.#end; i++) {
      const state = this.#states[i] as JobState;
      if (state !== JOB_STATE.none) yield [this.#seqs[i]!, state];
    }
  }

  /** The jobs that are not in a state, the oldest first. */
  *notIn(state: JobState): Generator<number> {
    if (this.size === this.count(state)) return;
    for (let i = this.#start; i < this.#end; i++) {
      const found = this.#states[i];
      if (found !== JOB_STATE.none && found !== state) yield this.#seqs[i]!;
    }
  }

  /** The jobs in a state after a number, the oldest first. Meanwhile states may change, and nothing else. */
  *inState(state: JobState, after: number): Generator<number> {
    for (let i = this.#place(after + 1); i < this.#end; i++) {
      if (this.#states[i] === state) yield this.#seqs[i]!;
    }
  }

  #removeAt(place: number): void {
    this.#counts[this.#states[place]!]!--;
    this.#states[place] = JOB_STATE.none;
    this.#free++;
  }

  /** The place of the first job from a number on. */
  #place(seq: number): number {
    let [low, high] = [this.#start, this.#end];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#seqs[middle]! < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #makeRoom(): void {
    const unused = this.#start + this.#free;
    if (unused < MIN_FREE || unused < this.#end >> 2) {
      this.#seqs = grown(this.#seqs);
      const states = new Uint8Array(this.#seqs.length);
      states.set(this.#states);
      this.#states = states;
      return;
    }
    let end = 0;
    for (let i = this.#start; i < this.#end; i++) {
      if (this.#states[i] === JOB_STATE.none) continue;
      this.#seqs[end] = this.#seqs[i]!;
      this.#states[end++] = this.#states[i]!;
    }
    this.#start = this.#free = 0;
    this.#end = end;
  }
}
