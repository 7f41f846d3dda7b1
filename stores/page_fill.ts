/**
 * A page of messages while it is read.
 *
 * @module
 */

import type { MessageQuery, TopicMessage } from "./store.ts";

/** Takes messages in order until it is full. */
export class PageFill {
  readonly messages: TopicMessage[] = [];
  readonly #after: number;
  readonly #count: number;
  #left: number;
  #isFull = false;

  /** Takes what a query asks for. */
  constructor({ after, count, bytes }: Pick<MessageQuery, "after" | "count" | "bytes">) {
    this.#after = after;
    this.#count = count;
    this.#left = bytes;
  }

  /** It takes no more. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** For how many more messages there may be room. */
  get count(): number {
    return this.#count - this.messages.length;
  }

  /** For how many more bytes there is room. */
  get bytes(): number {
    return this.#left;
  }

  /** Whether a message of this size fits; if not, the page is full. A first message always fits. */
  fits(bytes: number): boolean {
    if (bytes > this.#left && this.messages.length > 0) this.#isFull = true;
    return !this.#isFull;
  }

  /** Takes one message, if it fits. */
  takeOne(message: TopicMessage): void {
    if (!this.fits(message.bytes)) return;
    this.#left -= message.bytes;
    this.#isFull = this.messages.push(message) === this.#count;
  }

  /** Takes messages that follow each other, as many as fit. A first message is always taken, however large. */
  take(row: readonly TopicMessage[]): void {
    for (let i = Math.max(0, this.#after + 1 - row[0]!.seq); i < row.length; i++) {
      this.takeOne(row[i]!);
      if (this.#isFull) return;
    }
  }
}
