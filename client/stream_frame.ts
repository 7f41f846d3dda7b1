/**
 * What one frame of a stream brings.
 *
 * @module
 */

import type { Reply } from "../protocol/encode_replies.ts";

/** A frame of messages: a list for each of their fields. */
export interface MessageFrame {
  readonly seqs: readonly number[];
  readonly times: readonly number[];
  readonly messages: readonly string[];
  readonly bytes: number;
  next: number;
}

/**
 * Takes the messages out of what a stream brought.
 *
 * @param answer what the server said
 * @param last the sequence number of the last message before it
 * @returns the messages, or `undefined` if it is no frame of a stream: they are behind the last one, oldest first, and
 *   are no larger than it says
 */
export function toMessageFrame(
  { seqs, times, messages, bytes }: Reply,
  last: number,
): MessageFrame | undefined {
  if (!seqs || !times || !messages || bytes === undefined) return undefined;
  const count = messages.length;
  if (count === 0 || count !== seqs.length || count !== times.length) return undefined;
  let minBytes = 0;
  for (let i = 0; i < count; i++) {
    if (!(seqs[i]! > last)) return undefined;
    last = seqs[i]!;
    // As JSON a message has two quotes, and at least one byte for each character.
    minBytes += messages[i]!.length + 2;
  }
  return minBytes <= bytes ? { seqs, times, messages, bytes, next: 0 } : undefined;
}
