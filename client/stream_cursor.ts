/**
 * A stream's place among the reads of its topic.
 *
 * @module
 */

import type { Item, TopicQueue, TopicReader } from "./topic_queue.ts";

/** Stands among those who read the topic: it takes nothing there, but its stream begins with what comes first. */
export class StreamCursor implements TopicReader {
  readonly newest = false;
  open = true;
  readonly #queue: TopicQueue;
  readonly #beginAt: (item: Item) => void;

  /**
   * Takes its place; whoever makes it joins it to the queue.
   *
   * @param queue where messages of the topic arrive
   * @param beginAt is told what has arrived for a read that was called off before
   */
  constructor(queue: TopicQueue, beginAt: (item: Item) => void) {
    this.#queue = queue;
    this.#beginAt = beginAt;
  }

  settle(item: Item | undefined): boolean {
    this.leave();
    if (item) this.#beginAt(item);
    return item?.gap !== undefined;
  }

  callOff(): void {}

  finish(): void {
    this.leave();
  }

  /** It stands there no longer. */
  leave(): void {
    if (!this.open) return;
    this.open = false;
    this.#queue.left();
  }
}
