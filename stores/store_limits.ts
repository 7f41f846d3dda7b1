/**
 * How much a store takes, and what counts for how much.
 *
 * @module
 */

import { LIMITS, MESSAGE_OVERHEAD, type Overflow } from "../protocol/limits.ts";
import { utf8Length } from "../protocol/text.ts";
import { MAX_RUNS, RUN_BYTES } from "./dedup_index.ts";
import { GONE_TOPIC_BYTES } from "./gone_map.ts";
import type { TopicMessage } from "./store.ts";

/** How much a store takes. */
export interface StoreLimits {
  /** What all messages take together, in bytes; see {@linkcode storedSize}. */
  readonly storedBytes: number;
  /** What to do when that is reached. */
  readonly overflow: Overflow;
  /** How many topics may hold messages. */
  readonly topics: number;
  /** How many of the last numbers of a session are recognised when they are repeated. */
  readonly dedupWindow: number;
  /** How many runs of such numbers are remembered in all. */
  readonly dedupRuns: number;
  /** For how many topics the store knows exactly which messages are gone. */
  readonly goneTopics: number;
  /** How many epochs are known. */
  readonly epochs: number;
}

/** What is remembered beside messages takes no more than this part of all that may be stored. */
export const RECORDS_PART = 1 / 4;

const DEFAULT_LIMITS: StoreLimits = {
  storedBytes: LIMITS.storedBytes.default,
  overflow: "reject",
  topics: LIMITS.topics.default,
  dedupWindow: LIMITS.inFlight.default,
  dedupRuns: MAX_RUNS,
  goneTopics: 100_000,
  epochs: 1000,
};

/** This many runs and topics may be remembered, however little may be stored. */
const MIN_REMEMBERED = 1000;

/**
 * Completes limits: with the defaults of a server, and with what may be remembered where little may be stored.
 *
 * @param given the limits that are not the default
 * @returns all limits
 */
export function completeLimits(given: Partial<StoreLimits> = {}): StoreLimits {
  const limits = { ...DEFAULT_LIMITS, ...given };
  const { storedBytes, dedupRuns, goneTopics } = limits;
  const maxOf = (size: number) =>
    Math.max(MIN_REMEMBERED, Math.floor(storedBytes * RECORDS_PART / size));
  return {
    ...limits,
    dedupRuns: Math.min(dedupRuns, maxOf(RUN_BYTES)),
    goneTopics: Math.min(goneTopics, maxOf(GONE_TOPIC_BYTES)),
  };
}

/** What each message of a topic takes beside its body, in bytes. */
export function topicOverhead(topic: string): number {
  return utf8Length(topic) + MESSAGE_OVERHEAD;
}

/** What a message takes, in bytes. */
export function storedSize({ topic, bytes }: Pick<TopicMessage, "topic" | "bytes">): number {
  return bytes + topicOverhead(topic);
}
