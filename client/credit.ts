/**
 * How much of a stream may be under way, or arrived and not read.
 *
 * @module
 */

import type { Limits } from "../protocol/limits.ts";

/** So many messages, with so many bytes. */
export interface Amount {
  readonly messages: number;
  readonly bytes: number;
}

/** The server sends no more than that ahead. */
const WINDOW: Amount = { messages: 4096, bytes: 4 * 1024 * 1024 };

const NONE: Amount = { messages: 0, bytes: 0 };

/** The credit of a stream: granted in totals that only grow, half a window at a time. */
export class Credit {
  #messageBytes = 0;
  #window: Amount = NONE;
  #granted: Amount = NONE;
  #read: Amount = NONE;
  /** What has come since the stream was asked for. */
  #came: Amount = NONE;

  /** What the server may send in all, since the stream was asked for. */
  get granted(): Amount {
    return this.#granted;
  }

  /**
   * The stream is asked for, once more or for the first time.
   *
   * @param limits what the server takes, and grants
   * @param unread what has arrived and was not read: it still counts
   */
  begin({ messageBytes, creditMessages, creditBytes }: Limits, unread: Amount): void {
    this.#messageBytes = messageBytes;
    // Twice the largest message, so that one can be under way while the other is read.
    this.#window = {
      messages: Math.min(WINDOW.messages, creditMessages),
      bytes: Math.min(Math.max(WINDOW.bytes, 2 * messageBytes), creditBytes),
    };
    this.#read = { messages: -unread.messages, bytes: -unread.bytes };
    this.#came = NONE;
    this.#granted = {
      messages: Math.max(0, this.#window.messages - unread.messages),
      bytes: Math.max(0, this.#window.bytes - unread.bytes),
    };
  }

  /** So much has come: whether it was granted. */
  came({ messages, bytes }: Amount): boolean {
    const came = this.#came = {
      messages: this.#came.messages + messages,
      bytes: this.#came.bytes + bytes,
    };
    return came.messages <= this.#granted.messages && came.bytes <= this.#granted.bytes;
  }

  /** So much was read: whether more is to be granted. */
  read({ messages, bytes }: Amount): boolean {
    const read = this.#read = {
      messages: this.#read.messages + messages,
      bytes: this.#read.bytes + bytes,
    };
    const left = {
      messages: this.#granted.messages - read.messages,
      bytes: this.#granted.bytes - read.bytes,
    };
    // The largest message must fit at any time: or it could wait for credit that is never given.
    const due = left.messages <= this.#window.messages / 2 ||
      left.bytes <= this.#window.bytes / 2 ||
      left.bytes < this.#messageBytes;
    if (!due) return false;
    this.#granted = {
      messages: read.messages + this.#window.messages,
      bytes: read.bytes + this.#window.bytes,
    };
    return true;
  }
}
