/**
 * What a message takes of what may be stored.
 *
 * @module
 */

import { MESSAGE_OVERHEAD } from "../protocol/limits.ts";
import { utf8Length } from "../protocol/text.ts";
import type { Message } from "./store.ts";

/** What each message of a topic takes beside its body, in bytes. */
export function overheadOf(topic: string): number {
  return utf8Length(topic) + MESSAGE_OVERHEAD;
}

/** What a message takes, in bytes. */
export function sizeOf({ topic, bytes }: Pick<Message, "topic" | "bytes">): number {
  return bytes + overheadOf(topic);
}
