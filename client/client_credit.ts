/**
 * How much of a stream may be on its way, or arrived and unread.
 *
 * @module
 */

import { largestMessage } from "../protocol/frame_sizes.ts";
import type { Limits } from "../protocol/client_limits.ts";

/** An amount of messages and their bytes. */
export interface CreditAmount {
  readonly messages: number;
  readonly bytes: number;
}

/** How far the server may send ahead. */
const WINDOW: CreditAmount = { messages: 4096, bytes: 4 * 1024 * 1024 };

const NO_CREDIT: CreditAmount = { messages: 0, bytes: 0 };

/** The credit of a stream. It is granted as totals that only grow, half a window at a time. */
export class ClientCredit {
  /** The largest message that may come. */
  #messageBytes = 0;
  #window: CreditAmount = NO_CREDIT;
  #granted: CreditAmount = NO_CREDIT;
  #consumed: CreditAmount = NO_CREDIT;
  /** What has arrived since the stream was requested. */
  #received: CreditAmount = NO_CREDIT;

  /** What the server may send in all since the stream was requested. */
  get granted(): CreditAmount {
    return this.#granted;
  }

  /**
   * The stream is requested, for the first time or again.
   *
   * @param limits the limits of the server
   * @param unread what has arrived and was not read, which still counts
   */
  reset(limits: Limits, unread: CreditAmount): void {
    const { creditMessages, creditBytes } = limits;
    const messageBytes = this.#messageBytes = largestMessage(limits);
    // Twice the largest message, so that one can be on its way while the other is read.
    this.#window = {
      messages: Math.min(WINDOW.messages, creditMessages),
      bytes: Math.min(Math.max(WINDOW.bytes, 2 * messageBytes), creditBytes),
    };
    this.#consumed = { messages: -unread.messages, bytes: -unread.bytes };
    this.#received = NO_CREDIT;
    this.#granted = {
      messages: Math.max(0, this.#window.messages - unread.messages),
      bytes: Math.max(0, this.#window.bytes - unread.bytes),
    };
  }

  /** So much has arrived. Returns whether it was granted. */
  receive({ messages, bytes }: CreditAmount): boolean {
    const received = this.#received = {
      messages: this.#received.messages + messages,
      bytes: this.#received.bytes + bytes,
    };
    return received.messages <= this.#granted.messages && received.bytes <= this.#granted.bytes;
  }

  /** So much was read. Returns whether more has been granted. */
  consume({ messages, bytes }: CreditAmount): boolean {
    const consumed = this.#consumed = {
      messages: this.#consumed.messages + messages,
      bytes: this.#consumed.bytes + bytes,
    };
    const remaining = {
      messages: this.#granted.messages - consumed.messages,
      bytes: this.#granted.bytes - consumed.bytes,
    };
    // The largest message must fit at any time, or it could wait for credit that never comes.
    const isDue = remaining.messages <= this.#window.messages / 2 ||
      remaining.bytes <= this.#window.bytes / 2 ||
      remaining.bytes < this.#messageBytes;
    if (!isDue) return false;
    this.#granted = {
      messages: consumed.messages + this.#window.messages,
      bytes: consumed.bytes + this.#window.bytes,
    };
    return true;
  }
}
