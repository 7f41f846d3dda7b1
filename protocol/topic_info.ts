/**
 * What is said of a topic in a list of topics.
 *
 * @module
 */

import { CLIENT_LIMITS } from "./client_limits.ts";
import { type FieldChecks, parseRecords } from "./record.ts";
import { isCount, isCountIfGiven } from "./request_fields.ts";
import { compareCodePoints, topicProblem } from "./text.ts";

/** One topic in the answer to `topics`. */
export interface TopicInfo {
  /** Its name. */
  readonly topic: string;
  /** How many messages it holds. */
  readonly messages: number;
  /** What these messages count of the limit `storedBytes`, in bytes. `undefined`: the server is older, and does not say. */
  readonly bytes?: number | undefined;
  /**
   * How many messages were stored in it since the server has opened its store, those included that it no longer holds: a
   * counter, of which a watcher makes a rate. It begins again with the first message after all others were gone, and when
   * a file is opened again because of an error: a number that is lower than before counts from 0. `undefined`: the server
   * is older, and does not say.
   */
  readonly stored?: number | undefined;
  /** The sequence number of its newest message. */
  readonly seq: number;
  /** When its newest message was stored, in milliseconds since 1970. */
  readonly time: number;
  /**
   * How many readers follow it now: subscriptions to it, or to a prefix of it, and reads that wait for its next message, over
   * WebSockets and plain HTTP. `undefined`: the server is older, and does not say.
   */
  readonly readers?: number | undefined;
}

/** The same, as a store lists it. */
export interface StoredTopic extends TopicInfo {
  /** What its messages count; see {@linkcode TopicInfo.bytes}. */
  readonly bytes: number;
  /** How many were stored in it; see {@linkcode TopicInfo.stored}. */
  readonly stored: number;
}

const TOPIC: FieldChecks<TopicInfo> = {
  // Older topics may be longer than the present limit.
  topic: (field) => topicProblem(field, CLIENT_LIMITS.topicBytes.max) === undefined,
  messages: isCount,
  bytes: isCountIfGiven,
  stored: isCountIfGiven,
  seq: isCount,
  time: isCount,
  readers: isCountIfGiven,
};

/**
 * Reads a list of topics.
 *
 * @param entries what a server lists
 * @returns the topics; `undefined` if something is not a topic, or not in the order of their code points
 */
export function parseTopics(entries: readonly unknown[]): TopicInfo[] | undefined {
  const topics = parseRecords(entries, TOPIC);
  const isOrdered = topics?.every(({ topic }, i) =>
    i === 0 || compareCodePoints(topics[i - 1]!.topic, topic) < 0
  );
  return isOrdered ? topics : undefined;
}
