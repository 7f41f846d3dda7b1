/**
 * A segment of messages as a row of the database: consecutive sequence numbers, all of one topic.
 *
 * @module
 */

import { utf8Length } from "../protocol/text.ts";
import type { TopicMessage } from "./store.ts";
import { topicOverhead } from "./store_limits.ts";

/** A row holds at most this many messages. */
export const SEGMENT_MESSAGES = 64;

/** A row of more than one message holds at most this many bytes of bodies. */
export const SEGMENT_BYTES = 16 * 1024;

/** Separates the bodies of a row. No JSON encoding holds a line break: in a string it is escaped. */
export const BODY_SEPARATOR = "\n";

/** A row. */
export interface SegmentRow {
  readonly first: number;
  readonly last: number;
  /** When the first was stored; then, unless all were stored at once, how much later each other one was. */
  readonly times: string;
  readonly bodies: string;
  /** The length of `bodies` in bytes of UTF-8. */
  readonly bytes: number;
}

/** A row that is to be inserted. */
export interface Segment extends SegmentRow {
  readonly topic: string;
  /** What the messages take of what may be stored. */
  readonly size: number;
}

/**
 * Makes a row of as many messages as fit.
 *
 * @param messages messages that follow each other
 * @param start the place of the first message of the row
 * @returns the row
 */
export function segmentAt(messages: readonly TopicMessage[], start: number): Segment {
  const { seq: first, topic, time, bytes: firstBytes } = messages[start]!;
  let bytes = firstBytes;
  let sameTime = true;
  let end = start + 1;
  for (const max = Math.min(messages.length, start + SEGMENT_MESSAGES); end < max; end++) {
    const next = messages[end]!;
    if (next.topic !== topic || bytes + 1 + next.bytes > SEGMENT_BYTES) break;
    bytes += 1 + next.bytes;
    sameTime &&= next.time === time;
  }
  const segment = messages.slice(start, end);
  const bodies = segment.map(({ body }) => body).join(BODY_SEPARATOR);
  const times = sameTime
    ? `${time}`
    : [time, ...segment.slice(1).map((next) => next.time - time)].join();
  const last = first + segment.length - 1;
  const size = bytes - (segment.length - 1) + segment.length * topicOverhead(topic);
  return { topic, first, last, size, times, bodies, bytes };
}

/**
 * Reads a row.
 *
 * @param row the row
 * @param topic the topic of its messages
 * @returns the messages, oldest first
 */
export function decodeRow(
  { first, last, times, bodies, bytes }: SegmentRow,
  topic: string,
): TopicMessage[] {
  if (first === last) {
    return [{ seq: first, time: Number(times), topic, body: bodies, bytes }];
  }
  const texts = bodies.split(BODY_SEPARATOR);
  const ascii = bytes === bodies.length;
  const when = parseTimes(times, texts.length);
  return texts.map((body, i) => ({
    seq: first + i,
    time: when[i]!,
    topic,
    body,
    bytes: ascii ? body.length : utf8Length(body),
  }));
}

/**
 * Reads the column of times.
 *
 * @param times when the messages of a row were stored
 * @returns when the last of them was
 */
export function lastTimeOf(times: string): number {
  const comma = times.lastIndexOf(",");
  if (comma < 0) return Number(times);
  return Number.parseInt(times) + Number(times.slice(comma + 1));
}

/**
 * Reads the column of times.
 *
 * @param times when the messages of a row were stored
 * @param count how many messages are in the row
 * @returns when each was stored
 */
export function parseTimes(times: string, count: number): number[] {
  const [first, ...later] = times.split(",").map(Number);
  if (later.length === 0) return new Array<number>(count).fill(first!);
  return [first!, ...later.map((offset) => first! + offset)];
}
