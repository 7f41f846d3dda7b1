/**
 * What one frame of a stream brings.
 *
 * @module
 */

import type { Answer } from "../protocol/answers.ts";

/** A frame of messages: a list for each of their fields. */
export interface StreamFrame {
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
 * @returns the messages, or `undefined` if it is no frame of a stream
 */
export function toFrame({ seqs, times, messages, bytes = 0 }: Answer): StreamFrame | undefined {
  const good = isList(messages, "string") && isList(seqs, "number") && isList(times, "number") &&
    messages.length > 0 && messages.length === seqs.length && messages.length === times.length;
  return good ? { seqs, times, messages, bytes, next: 0 } : undefined;
}

function isList<T>(
  value: readonly T[] | undefined,
  type: "string" | "number",
): value is readonly T[] {
  return Array.isArray(value) && value.every((item) => typeof item === type);
}
