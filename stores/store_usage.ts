/**
 * How much a store holds.
 *
 * @module
 */

import { NameSet } from "../protocol/name_map.ts";
import type { MessageLog } from "./message_log.ts";

/** What is stored. What has expired counts until it is deleted, within seconds. */
export interface StoreUsage {
  /** Up to 63 more than there are: those that are gone and share a row with later ones stay until these are gone, too. */
  readonly messages: number;
  /** As the limit of stored bytes counts them: with each message its topic, and 100. */
  readonly bytes: number;
  /** Topics with messages. */
  readonly topics: number;
}

/** How much the messages of a store are. It writes nothing, so that it can be asked while nothing can be written. */
export function usageOf({ topics, buffer, bytes }: MessageLog): StoreUsage {
  const buffered = new NameSet();
  for (const { topic } of buffer.messages) if (!topics.get(topic)) buffered.add(topic);
  return {
    messages: topics.messages + buffer.messages.length,
    bytes,
    topics: topics.liveCount + buffered.size,
  };
}
