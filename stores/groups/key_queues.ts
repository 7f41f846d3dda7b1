/**
 * The jobs of a group that have keys: of each key one at a time, in order.
 *
 * @module
 */

import { RenewedMap } from "../../protocol/renewed_map.ts";

/** The jobs of one key. */
class KeyQueue {
  /** The job that others wait for. */
  current: number;
  /** Those that wait, from `#start` on, in order. */
  #waiting: number[] = [];
  #start = 0;

  constructor(current: number) {
    this.current = current;
  }

  /** Adds a job to those that wait. */
  add(seq: number): void {
    const waiting = this.#waiting;
    if (waiting.length === this.#start || seq > waiting.at(-1)!) return void waiting.push(seq);
    let [low, high] = [this.#start, waiting.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (waiting[middle]! < seq) low = middle + 1;
      else high = middle;
    }
    waiting.splice(low, 0, seq);
  }

  /** Those that wait. */
  get waiting(): readonly number[] {
    return this.#waiting.slice(this.#start);
  }

  /** The next job becomes the current one. Returns whether there was one. */
  next(): boolean {
    if (this.#start === this.#waiting.length) return false;
    this.current = this.#waiting[this.#start++]!;
    if (this.#start > 32 && 2 * this.#start > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#start);
      this.#start = 0;
    }
    return true;
  }
}

/**
 * The keys of which a job is held, or is to be worked again. A key is named by the hash of its text, so that the text is kept with its
 * message alone: two keys with one hash would wait for each other, once in 2^53.
 */
export class KeyQueues {
  readonly #queues = new RenewedMap<number, KeyQueue>();

  /**
   * Has a job begin, unless another one of its key has.
   *
   * @param key the hash of its key
   * @param seq the job
   * @returns whether it may begin; if not, it waits
   */
  begin(key: number, seq: number): boolean {
    const queue = this.#queues.get(key);
    if (!queue) this.own(key, seq);
    else if (queue.current !== seq) queue.add(seq);
    return !queue || queue.current === seq;
  }

  /** A job has its key. */
  own(key: number, seq: number): void {
    this.#queues.set(key, new KeyQueue(seq));
  }

  /** The jobs that wait, or that have waited and were dropped, and for which key. */
  *waiting(): Generator<readonly [seq: number, key: number]> {
    for (const [key, queue] of this.#queues) {
      for (const seq of queue.waiting) yield [seq, key];
    }
  }

  /**
   * The job that has a key is done with it.
   *
   * @param key the hash of the key
   * @returns the job that has it from now on, if one waits
   */
  release(key: number): number | undefined {
    const queue = this.#queues.get(key);
    if (queue?.next()) return queue.current;
    this.#queues.delete(key);
  }
}
