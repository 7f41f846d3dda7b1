/**
 * What a message takes of what may be stored.
 *
 * @module
 */

import { MESSAGE_OVERHEAD } from "../protocol/limits.ts";
import { utf8Length } from "../protocol/text.ts";
import type { TopicMessage } from "./store.ts";

/** What each message of a topic takes beside its body, in bytes. */
export function topicOverhead(topic: string): number {
  return utf8Length(topic) + MESSAGE_OVERHEAD;
}

/** What a message takes, in bytes. */
export function storedSize({ topic, bytes }: Pick<TopicMessage, "topic" | "bytes">): number {
  return bytes + topicOverhead(topic);
}
