/**
 * What is said of a topic in a list of topics.
 *
 * @module
 */

import { CLIENT_LIMITS } from "./client_limits.ts";
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

/**
 * Reads a list of topics.
 *
 * @param entries what a server lists
 * @returns the topics; `undefined` if something is not a topic, or not in the order of their code points
 */
export function parseTopics(entries: readonly unknown[]): TopicInfo[] | undefined {
  const topics: TopicInfo[] = [];
  let before: string | undefined;
  for (const entry of entries) {
    const given = Object(entry) as Partial<TopicInfo>;
    const { topic, messages, bytes, stored, readers, seq, time } = given;
    // Older topics may be longer than the present limit.
    const isValid = topicProblem(topic, CLIENT_LIMITS.topicBytes.max) === undefined &&
      (before === undefined || compareCodePoints(before, topic!) < 0) &&
      isCount(messages) && isCount(seq) && isCount(time) && isCountIfGiven(bytes) &&
      isCountIfGiven(stored) && isCountIfGiven(readers);
    if (!isValid) return undefined;
    before = topic!;
    topics.push({
      topic: topic!,
      messages,
      ...(bytes !== undefined && { bytes }),
      ...(stored !== undefined && { stored }),
      seq,
      time,
      ...(readers !== undefined && { readers }),
    });
  }
  return topics;
}
