/**
 * A stream's place among the reads of its topic.
 *
 * @module
 */

import type { QueueItem, TopicQueue, TopicReader } from "./topic_queue.ts";

/** Stands among those who read the topic: it takes nothing there, but its stream begins with what comes first. */
export class StreamCursor implements TopicReader {
  readonly newest = false;
  isOpen = true;
  readonly #queue: TopicQueue;
  readonly #onFirstItem: (item: QueueItem) => void;

  /**
   * Takes its place; whoever makes it joins it to the queue.
   *
   * @param queue where messages of the topic arrive
   * @param onFirstItem is told what has arrived for a read that was called off before
   */
  constructor(queue: TopicQueue, onFirstItem: (item: QueueItem) => void) {
    this.#queue = queue;
    this.#onFirstItem = onFirstItem;
  }

  settle(item: QueueItem | undefined): boolean {
    this.close();
    if (item) this.#onFirstItem(item);
    return item?.gap !== undefined;
  }

  cancel(): void {}

  onEnd(): void {
    this.close();
  }

  /** It stands there no longer. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#queue.onReaderClosed();
  }
}
