/**
 * A segment of messages as a row of the database: consecutive sequence numbers, all of one topic.
 *
 * @module
 */

import { utf8Length } from "../protocol/text.ts";
import type { TopicMessage } from "./store.ts";
import { messageIdOverhead, topicOverhead } from "./store_limits.ts";

/** The topic of rows whose messages are purged or missing; topics have ids from 1 on. */
export const NO_TOPIC = 0;

/** A row holds at most this many messages. */
export const SEGMENT_MESSAGES = 64;

/** A row of more than one message holds at most this many bytes of bodies and attributes. */
export const SEGMENT_BYTES = 16 * 1024;

/** Separates the texts of a row. No JSON encoding holds a line break: in a string it is escaped. */
const SEPARATOR = "\n";

/** A row. */
export interface SegmentRow {
  readonly first: number;
  readonly last: number;
  /** When the first was stored; then, unless all were stored at once, how much later each other one was. */
  readonly times: string;
  readonly bodies: string;
  /** The attributes of its messages, empty where one has none; `null` if none has any. */
  readonly attributes: string | null;
  /** The length of `bodies` in bytes of UTF-8. */
  readonly bytes: number;
}

/** A row that is to be inserted. */
export interface Segment extends Omit<SegmentRow, "bytes"> {
  readonly topic: string;
  /** How much a reader gets with it, in bytes of UTF-8. */
  readonly bytes: number;
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
  const { seq: first, topic, time, bytes: firstBytes, attributes: firstAttributes } =
    messages[start]!;
  let bytes = firstBytes;
  let sameTime = true;
  let hasAttributes = firstAttributes !== undefined;
  let end = start + 1;
  for (const max = Math.min(messages.length, start + SEGMENT_MESSAGES); end < max; end++) {
    const next = messages[end]!;
    if (next.topic !== topic || bytes + 1 + next.bytes > SEGMENT_BYTES) break;
    bytes += 1 + next.bytes;
    sameTime &&= next.time === time;
    hasAttributes ||= next.attributes !== undefined;
  }
  const segment = messages.slice(start, end);
  const bodies = segment.map(({ body }) => body).join(SEPARATOR);
  const times = sameTime
    ? `${time}`
    : [time, ...segment.slice(1).map((next) => next.time - time)].join();
  const last = first + segment.length - 1;
  let size = bytes - (segment.length - 1) + segment.length * topicOverhead(topic);
  if (!hasAttributes) {
    return { topic, first, last, size, times, bodies, attributes: null, bytes };
  }
  for (const message of segment) size += messageIdOverhead(message);
  const attributes = segment.map(({ attributes = "" }) => attributes).join(SEPARATOR);
  return { topic, first, last, size, times, bodies, attributes, bytes };
}

/**
 * Reads a row.
 *
 * @param row the row
 * @param topic the topic of its messages
 * @returns the messages, oldest first
 */
export function decodeRow(
  { first, last, times, bodies, attributes, bytes }: SegmentRow,
  topic: string,
): TopicMessage[] {
  if (first === last && attributes === null) {
    return [{ seq: first, time: Number(times), topic, body: bodies, bytes }];
  }
  const texts = bodies.split(SEPARATOR);
  const ascii = bytes === bodies.length;
  const when = parseTimes(times, texts.length);
  if (attributes !== null) {
    return splitAttributes(attributes).map((attributes, i) => {
      const body = texts[i]!;
      const bytes = ascii ? body.length : utf8Length(body);
      const message = { seq: first + i, time: when[i]!, topic, body, bytes };
      if (attributes === undefined) return message;
      return { ...message, bytes: bytes + utf8Length(attributes), attributes };
    });
  }
  return texts.map((body, i) => ({
    seq: first + i,
    time: when[i]!,
    topic,
    body,
    bytes: ascii ? body.length : utf8Length(body),
  }));
}

/** How many messages are in the bodies of a row. */
export function countTexts(bodies: string): number {
  let count = 1;
  for (let i = bodies.indexOf(SEPARATOR); i >= 0; i = bodies.indexOf(SEPARATOR, i + 1)) count++;
  return count;
}

/** Whether the bodies of a row, or of one of several rows, are of more than one message. */
export function holdsSeveral(bodies: string): boolean {
  return bodies.includes(SEPARATOR);
}

/**
 * Reads the column of attributes.
 *
 * @param attributes the attributes of the messages of a row
 * @returns those of each message, `undefined` where it has none
 */
export function splitAttributes(attributes: string): (string | undefined)[] {
  return attributes.split(SEPARATOR).map((text) => text === "" ? undefined : text);
}

/**
 * How much each message of a row counts; see `storedSize`.
 *
 * @param row its columns
 * @param topic the topic of its messages
 * @returns the sizes, that of the oldest message first
 */
export function rowSizes(
  { bodies, attributes }: Pick<SegmentRow, "bodies" | "attributes">,
  topic: string,
): number[] {
  const overhead = topicOverhead(topic);
  const sizes = bodies.split(SEPARATOR).map((body) => utf8Length(body) + overhead);
  if (attributes === null) return sizes;
  for (const [i, text] of splitAttributes(attributes).entries()) {
    if (text === undefined) continue;
    sizes[i]! += utf8Length(text) + messageIdOverhead({ attributes: text });
  }
  return sizes;
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
