/**
 * When waits end: one timer for all of them, since starting and stopping one takes longer than serving a wait.
 *
 * @module
 */

import { MAX_WAIT } from "../protocol/limits.ts";
import type { Clock } from "./clock.ts";

/** Something that is over at some time, unless it is called off. */
export interface Deadline {
  /** When, by the monotonic clock; and where it is in the heap. Both are written by {@linkcode Deadlines} alone. */
  due: number;
  place: number;
  /** Its time is over. */
  over(): void;
}

/** How long waits are ended at a time, in milliseconds; then others have their turn. */
const SLICE = 4;

/** After how many to look at the clock. */
const LOOK_EVERY = 64;

/** A heap, the next deadline first: adding or removing one of a million takes a microsecond. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #heap: Deadline[] = [];
  /** When the timer goes off. It is not stopped when nothing is due then any more: most waits end early. */
  #setFor = Infinity;
  #stopTimer: () => void = () => {};

  /** Nothing is to end yet. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many there are. */
  get size(): number {
    return this.#heap.length;
  }

  /** Ends something after some milliseconds. */
  add(one: Deadline, ms: number): void {
    const now = this.#now;
    one.due = now + ms;
    this.#rise(one, this.#heap.length);
    if (one.due < this.#setFor) this.#setTimer(one.due, now);
  }

  /** Calls one off. */
  remove(one: Deadline): void {
    const last = this.#heap.pop()!;
    if (last !== one) {
      this.#rise(last, one.place);
      this.#sink(last);
    }
    one.place = -1;
  }

  /** Calls all off. */
  stop(): void {
    this.#stopTimer();
    for (const one of this.#heap) one.place = -1;
    this.#heap.length = 0;
    this.#setFor = Infinity;
  }

  get #now(): number {
    return this.#clock.monotonic?.() ?? this.#clock.now();
  }

  #setTimer(due: number, now: number): void {
    this.#stopTimer();
    this.#setFor = due;
    // Fractions may make the longest wait a millisecond longer than a timer can hold, and that would be over at once.
    const ms = Math.min(Math.max(0, Math.ceil(due - now)), MAX_WAIT);
    this.#stopTimer = this.#clock.after(ms, () => this.#look());
  }

  #look(): void {
    this.#setFor = Infinity;
    const now = this.#now;
    const began = performance.now();
    for (let told = 1; this.#heap.length > 0 && this.#heap[0]!.due <= now; told++) {
      const first = this.#heap[0]!;
      this.remove(first);
      first.over();
      if (told % LOOK_EVERY === 0 && performance.now() - began >= SLICE) break;
    }
    if (this.#heap.length > 0) this.#setTimer(this.#heap[0]!.due, now);
  }

  /** Puts one at a place, or nearer to the front where it is due before those there. */
  #rise(one: Deadline, place: number): void {
    const heap = this.#heap;
    while (place > 0) {
      const above = heap[(place - 1) >> 1]!;
      if (above.due <= one.due) break;
      this.#put(above, place);
      place = (place - 1) >> 1;
    }
    this.#put(one, place);
  }

  /** Moves one back behind those that are due before it. */
  #sink(one: Deadline): void {
    const heap = this.#heap;
    let { place } = one;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && heap[below + 1]!.due < heap[below]!.due) below++;
      if (heap[below]!.due >= one.due) break;
      this.#put(heap[below]!, place);
      place = below;
    }
    this.#put(one, place);
  }

  #put(one: Deadline, place: number): void {
    this.#heap[place] = one;
    one.place = place;
  }
}
