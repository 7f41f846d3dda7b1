/**
 * Timeouts: one timer for all of them, since starting and stopping a timer takes longer than serving a wait.
 *
 * @module
 */

import { MAX_WAIT } from "../protocol/client_limits.ts";
import type { Clock } from "./clock.ts";

/** Something that ends at some time, unless it is cancelled. */
export interface HeapTimer {
  /** When, by the monotonic clock, and its index in the heap. Only {@linkcode TimerHeap} writes these. */
  due: number;
  index: number;
  /** The time is over. */
  onTimeout(): void;
}

/** How long timeouts are handled at a time, in milliseconds; then others have their turn. */
const SLICE_MS = 4;

/** After how many items the clock is checked. */
const CHECK_EVERY = 64;

/** A heap, the next timeout first: adding or removing one of a million takes a microsecond. */
export class TimerHeap {
  readonly #clock: Clock;
  readonly #heap: HeapTimer[] = [];
  /** When the timer fires. It is not stopped when nothing is due then any more: most waits end early. */
  #scheduledFor = Infinity;
  #stopTimer: () => void = () => {};

  /** Starts empty. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many there are. */
  get size(): number {
    return this.#heap.length;
  }

  /** Ends something after this many milliseconds. */
  add(timer: HeapTimer, ms: number): void {
    const now = this.#now;
    timer.due = now + ms;
    this.#rise(timer, this.#heap.length);
    if (timer.due < this.#scheduledFor) this.#setTimer(timer.due, now);
  }

  /** Cancels one. */
  remove(timer: HeapTimer): void {
    const last = this.#heap.pop()!;
    if (last !== timer) {
      this.#rise(last, timer.index);
      this.#sink(last);
    }
    timer.index = -1;
  }

  /** Cancels all. */
  stop(): void {
    this.#stopTimer();
    for (const timer of this.#heap) timer.index = -1;
    this.#heap.length = 0;
    this.#scheduledFor = Infinity;
  }

  get #now(): number {
    return this.#clock.monotonic?.() ?? this.#clock.now();
  }

  #setTimer(due: number, now: number): void {
    this.#stopTimer();
    this.#scheduledFor = due;
    // Fractions can make the longest wait a millisecond longer than a timer can hold, which would fire at once.
    const ms = Math.min(Math.max(0, Math.ceil(due - now)), MAX_WAIT);
    this.#stopTimer = this.#clock.after(ms, () => this.#endDue());
  }

  #endDue(): void {
    this.#scheduledFor = Infinity;
    const now = this.#now;
    const began = performance.now();
    for (let ended = 1; this.#heap.length > 0 && this.#heap[0]!.due <= now; ended++) {
      const first = this.#heap[0]!;
      this.remove(first);
      first.onTimeout();
      if (ended % CHECK_EVERY === 0 && performance.now() - began >= SLICE_MS) break;
    }
    if (this.#heap.length > 0) this.#setTimer(this.#heap[0]!.due, now);
  }

  /** Puts one at an index, or nearer to the front if it is due earlier. */
  #rise(timer: HeapTimer, index: number): void {
    const heap = this.#heap;
    while (index > 0) {
      const above = heap[(index - 1) >> 1]!;
      if (above.due <= timer.due) break;
      this.#put(above, index);
      index = (index - 1) >> 1;
    }
    this.#put(timer, index);
  }

  /** Moves one back behind those that are due earlier. */
  #sink(timer: HeapTimer): void {
    const heap = this.#heap;
    let { index } = timer;
    for (;;) {
      let below = 2 * index + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && heap[below + 1]!.due < heap[below]!.due) below++;
      if (heap[below]!.due >= timer.due) break;
      this.#put(heap[below]!, index);
      index = below;
    }
    this.#put(timer, index);
  }

  #put(timer: HeapTimer, index: number): void {
    this.#heap[index] = timer;
    timer.index = index;
  }
}
