/**
 * What is to happen in a simulation, in the order of its times.
 *
 * @module
 */

import type { Process } from "./process.ts";

/** Something that happens in a process at a time. */
export interface SimulatedEvent {
  /** When, in milliseconds since the run began. */
  at: number;
  /** Events of one time happen in the order of their numbers. */
  number: number;
  /** The process in which it happens. */
  readonly process: Process;
  /** Whether the process set a timer for it, or something arrives from outside. */
  readonly kind: "timer" | "input";
  readonly run: () => void;
  /** It does not happen any more. */
  isCancelled: boolean;
}

/** A binary heap. */
export class EventQueue {
  readonly #heap: SimulatedEvent[] = [];

  /** The next event, cancelled or not. */
  get next(): SimulatedEvent | undefined {
    return this.#heap[0];
  }

  /** Adds one. */
  add(event: SimulatedEvent): void {
    const heap = this.#heap;
    let i = heap.push(event) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = event;
  }

  /** Removes the next one. */
  shift(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}

function isBefore(a: SimulatedEvent, b: SimulatedEvent): boolean {
  return a.at < b.at || (a.at === b.at && a.number < b.number);
}
