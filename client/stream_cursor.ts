/**
 * The position of a subscription among the reads of its topic.
 *
 * @module
 */

import type { QueueItem, TopicQueue, TopicReader } from "./topic_queue.ts";

/** Stands among the reads of a topic. It takes no message, but the stream begins with the item that comes first. */
export class StreamCursor implements TopicReader {
  readonly newest = false;
  isOpen = true;
  readonly #queue: TopicQueue;
  readonly #onFirstItem: (item: QueueItem) => void;

  /**
   * Makes one; the caller adds it to the queue.
   *
   * @param queue where messages of the topic arrive
   * @param onFirstItem called with an item that arrived for a read that was cancelled before
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

  /** Leaves the queue. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#queue.onReaderClosed();
  }
}
