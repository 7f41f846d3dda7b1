/**
 * Decodes replies. If one field of a frame does not have its type, nothing of the frame counts.
 *
 * Unknown fields are ignored, so that servers can grow.
 *
 * @module
 */

import { areIdentities, areNulls, parseBackupInfo, parseGone } from "./backup_info.ts";
import { parseConnections } from "./connection_info.ts";
import { decodeAttributeList, decodeAttributes, minAttributeBytes } from "./decode_attributes.ts";
import { decodeGroupAnswer } from "./decode_group_replies.ts";
import { decodeWelcome } from "./decode_welcome.ts";
import { isWithinBounds } from "./json_bounds.ts";
import { CLIENT_LIMITS } from "./client_limits.ts";
import { isRawReply, type RawReply } from "./raw_reply.ts";
import { malformed, type Reply } from "./replies.ts";
import { topicProblem } from "./text.ts";
import { parseTopics } from "./topic_info.ts";

/** Larger frames are checked before they are parsed, in characters. */
const MAX_UNCHECKED_LENGTH = 64 * 1024;

/**
 * No correct frame holds more: a list of errors is nested five deep, a list of topics has thousands of objects, and a frame of
 * replies has at most 256 KiB. The errors of a list of 21,000 puts have two names each.
 */
const REPLY_BOUNDS = { depth: 8, values: 512 * 1024, names: 48 * 1024 };

/**
 * Decodes a frame.
 *
 * @param data the data of a frame
 * @param maxBytes the largest frame, in bytes
 * @returns the replies in it, in order; `undefined` if it is not a frame of this protocol
 */
export function decodeReplies(
  data: unknown,
  maxBytes: number = Infinity,
): readonly Reply[] | undefined {
  // A character has at least one byte.
  if (typeof data !== "string" || data.length > maxBytes) return undefined;
  if (data.length > MAX_UNCHECKED_LENGTH && !isWithinBounds(data, REPLY_BOUNDS)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return undefined;
  }
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.every(isRawReply) ? values.map(decodeReply) : undefined;
}

/** Tells the kind of a reply. The most frequent kinds come first. */
function decodeReply(it: RawReply): Reply {
  const { id, sub } = it;
  if (typeof id === "number") return decodeAnswer(it, id);
  if (sub !== undefined && it.ahead === undefined) return decodeStreamed(it, sub);
  if (it.heartbeat !== undefined && id === undefined) {
    const { heartbeat, time = 0, asOf, last = 0, floor = 0 } = it;
    return { kind: "heartbeat", heartbeat, time, asOf, last, floor };
  }
  const { ahead: bytes, answers, through } = it;
  return bytes === undefined
    ? { kind: "unknown" }
    : { kind: "ahead", bytes, answers, sub, through };
}

function decodeAnswer(it: RawReply, id: number): Reply {
  const { seq, body, error, through, start, began } = it;
  if (error !== undefined) return { kind: "error", id, error, through };
  if (body !== undefined) {
    if (seq === undefined) return body === "" ? { kind: "empty", id, through } : malformed(id);
    const { time = 0 } = it;
    const readThrough = through ?? seq;
    if (readThrough < seq) return malformed(id);
    const attributes = it.attributes === undefined ? undefined : decodeAttributes(it.attributes);
    if (attributes === undefined && it.attributes !== undefined) return malformed(id);
    return { kind: "message", id, body, seq, time, through: readThrough, attributes };
  }
  if (it.protocol !== undefined) return decodeWelcome(it, id);
  if (it.bodies !== undefined) return decodeBackupPage(it, id);
  const seqs = it.seqs ?? (seq === undefined ? undefined : [seq]);
  if (seqs !== undefined) {
    const { dup = false } = it;
    return dup || areIncreasing(seqs, -1) ? { kind: "stored", id, seqs, dup } : malformed(id);
  }
  if (start !== undefined) return { kind: "subscribed", id, start, through, began };
  if (it.topics !== undefined) return decodeTopics(it.topics, it.more, id);
  if (it.backup !== undefined) {
    const info = parseBackupInfo(it.backup);
    return info ? { kind: "backup", id, info } : malformed(id);
  }
  if (it.gone !== undefined) {
    const page = parseGone(it);
    return page ? { kind: "backup_gone", id, ...page } : malformed(id);
  }
  if (it.purged !== undefined) return { kind: "purged", id, purged: it.purged };
  return it.connections === undefined ? decodeGroupAnswer(it, id) : decodeConnections(it, id);
}

function decodeStreamed(it: RawReply, sub: number): Reply {
  const { error, prev, bytes, seqs, times, bodies, topics, claims, attempts } = it;
  if (error !== undefined) return { kind: "stream_error", sub, error, through: it.through };
  if (bytes === undefined || !seqs || !times || !bodies) return malformed(undefined, sub);
  const count = bodies.length;
  const attributes = it.attributes === undefined
    ? undefined
    : decodeAttributeList(it.attributes, count);
  if (attributes === undefined && it.attributes !== undefined) return malformed(undefined, sub);
  const attributeBytes = attributes === undefined ? 0 : minAttributeBytes(attributes);
  const isValid = count > 0 && count === seqs.length && count === times.length &&
    minBytes(bodies) + attributeBytes <= bytes &&
    (topics === undefined || (topics.length === count && areTopics(topics)));
  if (isValid && prev !== undefined && areIncreasing(seqs, prev)) {
    return { kind: "messages", sub, prev, bytes, seqs, times, bodies, topics, attributes };
  }
  return isValid && prev === undefined && claims?.length === count &&
      (attempts === undefined || attempts.length === count)
    ? { kind: "jobs", sub, claims, attempts, seqs, times, bodies, topics, attributes }
    : malformed(undefined, sub);
}

function decodeBackupPage(it: RawReply, id: number): Reply {
  const { seqs = [], times = [], topics = [], bodies = [], identities, nulls, through } = it;
  const attributes = it.attributes === undefined
    ? undefined
    : decodeAttributeList(it.attributes, bodies.length);
  const isValid = through !== undefined &&
    [seqs, times, topics].every((list) => list.length === bodies.length) &&
    (bodies.length === 0 || areIncreasing(seqs, 0)) && (seqs.at(-1) ?? 0) <= through &&
    areTopics(topics) && (attributes !== undefined || it.attributes === undefined) &&
    areIdentities(identities, attributes) && areNulls(nulls, seqs, bodies);
  if (!isValid) return malformed(id);
  const lists = { seqs, times, topics, bodies, attributes, identities, nulls };
  return { kind: "backup_page", id, ...lists, through };
}

/** Whether values can be topics of messages. Those of dsmq 1.x may be empty. */
function areTopics(values: readonly unknown[]): values is readonly string[] {
  let before: unknown;
  for (let i = 0; i < values.length; i++) {
    const topic = values[i];
    // Mostly one comes several times in a row.
    if (topic === before) continue;
    // Older topics may be longer than the present limit.
    if (topic !== "" && topicProblem(topic, CLIENT_LIMITS.topicBytes.max) !== undefined) {
      return false;
    }
    before = topic;
  }
  return true;
}

function decodeTopics(entries: readonly unknown[], more: boolean | undefined, id: number): Reply {
  const topics = parseTopics(entries);
  if (!topics) return malformed(id, undefined, "the server does not list topics in their order");
  return { kind: "topics", id, topics, more: more === true && topics.length > 0 };
}

function decodeConnections({ connections: entries = [], more }: RawReply, id: number): Reply {
  const connections = parseConnections(entries);
  if (!connections) return malformed(id, undefined, "the server does not list its connections");
  return { kind: "connections", id, connections, more: more === true && connections.length > 0 };
}

function areIncreasing(seqs: readonly number[], before: number): boolean {
  for (let i = 0; i < seqs.length; i++) {
    if (!(seqs[i]! > before)) return false;
    before = seqs[i]!;
  }
  return seqs.length > 0;
}

/** The least size of bodies as JSON: two quotes each, and at least one byte for each character. */
function minBytes(bodies: readonly string[]): number {
  let bytes = 2 * bodies.length;
  for (let i = 0; i < bodies.length; i++) bytes += bodies[i]!.length;
  return bytes;
}
