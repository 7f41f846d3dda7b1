/**
 * How much of a stream may be sent: what its subscriber has granted, and no more at once than a frame holds.
 *
 * @module
 */

import { FRAME_BYTES } from "../protocol/limits.ts";
import type { Credit } from "../protocol/requests.ts";
import type { Message } from "../stores/store.ts";

/** At most this much is read and sent at once: a frame's bytes, less what stands around each message. */
const PAGE_MESSAGES = 1024;
const AROUND = 64;
const PAGE: Credit = { messages: PAGE_MESSAGES, bytes: FRAME_BYTES - AROUND * PAGE_MESSAGES };

/**
 * As much as one frame holds; at least one message.
 *
 * @param frameBytes no frame has more bytes, unless one message has
 * @returns how many messages, with how many bytes
 */
export function pageOf(frameBytes: number): Credit {
  if (frameBytes === FRAME_BYTES) return PAGE;
  const messages = Math.ceil(frameBytes / (4 * AROUND));
  return { messages, bytes: Math.max(1, frameBytes - AROUND * messages) };
}

/** The credit of a stream, in totals since it began. */
export class StreamCredit {
  #granted: Credit;
  #sent: Credit = { messages: 0, bytes: 0 };

  /** Nothing is sent yet. */
  constructor(granted: Credit) {
    this.#granted = granted;
  }

  /** What may be sent without further credit. */
  get left(): Credit {
    return less(this.#granted, this.#sent);
  }

  /** The same, if so much were granted. */
  leftWith(credit: Credit): Credit {
    return less(higher(this.#granted, credit), this.#sent);
  }

  /** Raises what is granted; it never falls. */
  grant(credit: Credit): void {
    this.#granted = higher(this.#granted, credit);
  }

  /** So much was sent. */
  sent(messages: number, bytes: number): void {
    const sent = this.#sent;
    this.#sent = { messages: sent.messages + messages, bytes: sent.bytes + bytes };
  }

  /** How many of these messages the credit allows, and one frame holds. */
  fitting(messages: readonly Message[], frameBytes: number): number {
    const { left } = this;
    const page = pageOf(frameBytes);
    const most = Math.min(
      messages.length,
      left.messages,
      page === PAGE ? Infinity : page.messages,
    );
    let bytes = 0;
    for (let n = 0; n < most; n++) {
      bytes += messages[n]!.bytes;
      if (bytes > left.bytes || (n > 0 && bytes > page.bytes)) return n;
    }
    return most;
  }
}

function higher(one: Credit, other: Credit): Credit {
  return {
    messages: Math.max(one.messages, other.messages),
    bytes: Math.max(one.bytes, other.bytes),
  };
}

function less(one: Credit, other: Credit): Credit {
  return { messages: one.messages - other.messages, bytes: one.bytes - other.bytes };
}
