/**
 * How much a store takes, and how much each message counts.
 *
 * @module
 */

import { hasMessageId } from "../protocol/attributes.ts";
import { LIMITS, MESSAGE_OVERHEAD, type Overflow } from "../protocol/limits.ts";
import { utf8Length } from "../protocol/text.ts";
import { GONE_TOPIC_BYTES } from "./gone_map.ts";
import { StoreError, type TopicMessage } from "./store.ts";

/** How much a store takes. */
export interface StoreLimits {
  /** The bytes of all messages together; see {@linkcode storedSize}. */
  readonly storedBytes: number;
  /** What happens to a put beyond that. */
  readonly overflow: Overflow;
  /** How many topics may hold messages. */
  readonly topics: number;
  /** How many of the last numbers of a session are recognised when they are put again. */
  readonly dedupWindow: number;
  /** How many runs of such numbers are remembered over all sessions. */
  readonly dedupRuns: number;
  /** For how many topics the store knows exactly which messages are gone. */
  readonly goneTopics: number;
  /** How many epochs are known. */
  readonly epochs: number;
  /** How many groups there may be. */
  readonly groups: number;
  /** How many unfinished jobs a group may have. */
  readonly unfinished: number;
  /** How many bytes expired messages may count that groups have not finished. Default: half of `storedBytes`. */
  readonly groupBytes: number;
  /** For how many milliseconds a group is kept on which nobody works. */
  readonly groupRetention: number;
}

/** At most this many runs are remembered, unless limits say otherwise. */
export const MAX_RUNS = 262_144;

/** How many of the stored bytes a run counts, its session included. */
export const RUN_BYTES = 550;

/** What is remembered besides the messages takes at most this part of the stored bytes. */
export const RECORDS_PART = 1 / 4;

const DEFAULT_LIMITS: Omit<StoreLimits, "groupBytes"> = {
  storedBytes: LIMITS.storedBytes.default,
  overflow: "reject",
  topics: LIMITS.topics.default,
  dedupWindow: LIMITS.inFlight.default,
  dedupRuns: MAX_RUNS,
  goneTopics: 100_000,
  epochs: 1000,
  groups: 1000,
  unfinished: 100_000,
  groupRetention: 24 * 3600 * 1000,
};

/** This many runs and topics may be remembered, however few bytes may be stored. */
const MIN_REMEMBERED = 1000;

/**
 * Completes limits with the defaults of a server. Where few bytes may be stored, less is remembered.
 *
 * @param given the limits that are not the default
 * @returns all limits
 */
export function completeLimits(given: Partial<StoreLimits> = {}): StoreLimits {
  const limits = { ...DEFAULT_LIMITS, ...given };
  const { groupBytes = Math.floor(limits.storedBytes / 2) } = given;
  const { storedBytes, dedupRuns, goneTopics } = limits;
  const maxOf = (size: number) =>
    Math.max(MIN_REMEMBERED, Math.floor(storedBytes * RECORDS_PART / size));
  return {
    ...limits,
    groupBytes,
    dedupRuns: Math.min(dedupRuns, maxOf(RUN_BYTES)),
    goneTopics: Math.min(goneTopics, maxOf(GONE_TOPIC_BYTES)),
  };
}

/**
 * Why a message is refused for which there is no room.
 *
 * @param size what it counts
 * @param stored the bytes that are stored
 * @param limit the bytes that may be stored
 */
export function storeFullError(size: number, stored: number, limit: number): StoreError {
  const reason =
    `there is no room for ${size} bytes: ${stored} bytes are stored, the limit is ${limit}`;
  return new StoreError(`Cannot put message: ${reason}`, { code: "full", limit });
}

/** Why a message of a new topic is refused if as many topics as may hold messages do; in a file there may be more. */
export function tooManyTopicsError(held: number, limit: number): StoreError {
  return new StoreError(
    `Cannot put message: ${held} topics hold messages, the limit is ${limit}`,
    { code: "limit_exceeded", limit },
  );
}

/**
 * Why a number that its session has passed is not stored now. One object for all: to make one for each of 16,384 puts
 * takes as long as to store them.
 */
export const SUPERSEDED_ERROR = new StoreError(
  "Cannot put message: it was not stored before, and a later one of its session was",
  { code: "superseded" },
);
/** The same, if nobody knows any more whether it was stored. */
export const FORGOTTEN_ERROR = new StoreError(
  "Cannot tell whether the message is stored: its session has put too many since",
  { code: "unknown_outcome" },
);

/** What each message of a topic counts besides its body and its attributes, in bytes. */
export function topicOverhead(topic: string): number {
  return utf8Length(topic) + MESSAGE_OVERHEAD;
}

/** What a message with a `messageId` counts for its row in the table of ids, and in the index of that. */
const MESSAGE_ID_BYTES = 200;

/** What a message counts because its `messageId` is remembered, if it has one, in bytes. */
export function messageIdOverhead({ attributes }: Pick<TopicMessage, "attributes">): number {
  return attributes !== undefined && hasMessageId(attributes) ? MESSAGE_ID_BYTES : 0;
}

/** What a message counts, in bytes. */
export function storedSize(message: Pick<TopicMessage, "topic" | "bytes" | "attributes">): number {
  const size = message.bytes + topicOverhead(message.topic);
  return message.attributes === undefined ? size : size + messageIdOverhead(message);
}
