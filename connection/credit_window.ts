/**
 * How much of a stream may be sent: what its subscriber has granted, and at most a frame at a time.
 *
 * @module
 */

import { REPLY_FRAME_BYTES } from "../protocol/limits.ts";
import type { CreditTotals } from "../protocol/requests.ts";
import type { TopicMessage } from "../stores/store.ts";

/** At most this much is read and sent at once: the bytes of a frame, less the framing of each message. */
const PAGE_MESSAGES = 1024;
const FRAMING_BYTES = 64;
const MAX_PAGE: CreditTotals = {
  messages: PAGE_MESSAGES,
  bytes: REPLY_FRAME_BYTES - FRAMING_BYTES * PAGE_MESSAGES,
};

/** What the name of a topic takes of a frame at most: for each UTF-16 unit, and for quotes and a comma. */
const [NAME_BYTES, NAME_FRAMING] = [3, 3];

/**
 * As much as one frame holds, and at least one message.
 *
 * @param frameBytes the largest frame, unless a single message is larger, in bytes
 * @returns how many messages, with how many bytes
 */
export function pageSize(frameBytes: number): CreditTotals {
  if (frameBytes === REPLY_FRAME_BYTES) return MAX_PAGE;
  const messages = Math.ceil(frameBytes / (4 * FRAMING_BYTES));
  return { messages, bytes: Math.max(1, frameBytes - FRAMING_BYTES * messages) };
}

/** The credit of a stream, in totals since it began. */
export class CreditWindow {
  #granted: CreditTotals;
  #sent: CreditTotals = { messages: 0, bytes: 0 };

  /** Nothing was sent yet. */
  constructor(granted: CreditTotals) {
    this.#granted = granted;
  }

  /** What may be sent without more credit. */
  get remaining(): CreditTotals {
    return subtractCredit(this.#granted, this.#sent);
  }

  /** The same, if this were granted. */
  remainingWith(credit: CreditTotals): CreditTotals {
    return subtractCredit(maxCredit(this.#granted, credit), this.#sent);
  }

  /** Raises the credit. It never falls. */
  grant(credit: CreditTotals): void {
    this.#granted = maxCredit(this.#granted, credit);
  }

  /** This much was sent. */
  sent(messages: number, bytes: number): void {
    const sent = this.#sent;
    this.#sent = { messages: sent.messages + messages, bytes: sent.bytes + bytes };
  }

  /**
   * How many of these messages the credit allows and one frame holds.
   *
   * @param messages the messages
   * @param frameBytes the largest frame, unless a single message is larger, in bytes
   * @param named the frame names their topics, too. That takes no credit: there are few messages, and names are short
   */
  fitting(messages: readonly TopicMessage[], frameBytes: number, named: boolean = false): number {
    const { remaining } = this;
    const page = pageSize(frameBytes);
    const max = Math.min(
      messages.length,
      remaining.messages,
      page === MAX_PAGE ? Infinity : page.messages,
    );
    let [bytes, names] = [0, 0];
    for (let n = 0; n < max; n++) {
      bytes += messages[n]!.bytes;
      if (named) names += NAME_FRAMING + NAME_BYTES * messages[n]!.topic.length;
      if (bytes > remaining.bytes || (n > 0 && bytes + names > page.bytes)) return n;
    }
    return max;
  }
}

function maxCredit(a: CreditTotals, b: CreditTotals): CreditTotals {
  return {
    messages: Math.max(a.messages, b.messages),
    bytes: Math.max(a.bytes, b.bytes),
  };
}

function subtractCredit(a: CreditTotals, b: CreditTotals): CreditTotals {
  return { messages: a.messages - b.messages, bytes: a.bytes - b.bytes };
}
