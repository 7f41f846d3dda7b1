/**
 * How a server understands what a client says: each field is what it has to be, or the request is refused.
 *
 * Fields that nobody knows are ignored, so that clients can grow.
 *
 * @module
 */

import { type Encode, NULL_BODY } from "./body.ts";
import {
  badCredit,
  badSince,
  badTopic,
  credit,
  type Fields,
  isCount,
  isSince,
  isText,
  refuse,
  refuseField,
  SINCE,
} from "./fields.ts";
import { DEFAULT_WAIT, HEARTBEAT, type Limits, MAX_WAIT, PROTOCOL, TOPICS_PAGE } from "./limits.ts";
import type { Request, WireSince } from "./requests.ts";
import { kindOf, quoted } from "./text.ts";

/** Who asks for a session draws it by lot: from 16 characters on nobody guesses it. */
const SESSION = /^[\w-]{16,64}$/;

/** The largest number of a put: a list that begins with it still counts exactly. */
const MAX_NUMBER = 2 ** 52;

/**
 * Understands a request. Never throws: what is wrong comes back as a refused one.
 *
 * @param item the request, as JSON has it
 * @param limits the limits that it is held to
 * @param encode encodes its messages
 * @returns the request
 */
export function decodeRequest(item: unknown, limits: Limits, encode: Encode): Request {
  if (item === null || typeof item !== "object" || Array.isArray(item)) {
    return refuse({}, "bad_request", `Cannot read request: it is ${kindOf(item)}, not an object`);
  }
  const fields = item as Fields;
  const { action, id } = fields;
  if (id !== undefined && !isCount(id)) {
    return refuse(
      fields,
      "bad_request",
      "Cannot read request: its id is not a whole number from 0 to 2^53 - 1",
    );
  }
  switch (action) {
    case "put":
      return decodePut(fields, id, limits, encode);
    case "get":
    case "get_latest":
      // A client of dsmq 1.x names no position.
      return badTopic(fields, limits) ??
        (id === undefined ? undefined : badSince(fields, "since")) ??
        {
          action,
          id,
          topic: fields.topic as string,
          since: id === undefined ? undefined : fields.since as WireSince | undefined,
        };
    case "cancel":
      return isCount(fields.wait)
        ? { action, id, wait: fields.wait }
        : refuseField(fields, "wait", "an id");
    case "credit":
      if (!isCount(fields.sub)) return refuseField(fields, "sub", "an id");
      return badCredit(fields) ?? { action, id, sub: fields.sub, ...credit(fields) };
    case "unsubscribe":
      return isCount(fields.sub)
        ? { action, id, sub: fields.sub }
        : refuseField(fields, "sub", "an id");
    case "heartbeat": {
      const { ahead = 0, received } = fields;
      if (!isCount(ahead)) return refuseField(fields, "ahead", "a number of bytes");
      return received === undefined || isCount(received)
        ? { action, id, ahead, received }
        : refuseField(fields, "received", "a whole number");
    }
    case "shutdown":
    case "close":
      return { action, id };
    case "hello":
    case "get_wait":
    case "subscribe":
    case "topics":
      if (id === undefined) return refuseField(fields, "id", "a whole number");
      return decodeOurs(action, fields, id, limits);
  }
  return typeof action === "string"
    ? refuse(
      fields,
      "unknown_action",
      `Cannot do ${quoted(action)}: there is no such action`,
    )
    : refuseField(fields, "action", "a string");
}

function decodeOurs(
  action: "hello" | "get_wait" | "subscribe" | "topics",
  fields: Fields,
  id: number,
  limits: Limits,
): Request {
  const { topic, since, cursor, onGap, timeout = DEFAULT_WAIT } = fields;
  switch (action) {
    case "hello":
      return decodeHello(fields, id);
    case "get_wait":
      if (!isCount(timeout) || timeout > MAX_WAIT) {
        return refuseField(fields, "timeout", `milliseconds from 0 to ${MAX_WAIT}`);
      }
      return badTopic(fields, limits) ?? badSince(fields, "since") ??
        { action, id, topic: topic as string, since: since as WireSince | undefined, timeout };
    case "subscribe":
      if (onGap !== undefined && onGap !== "oldest" && onGap !== "now") {
        return refuseField(fields, "onGap", '"oldest" or "now"');
      }
      return badTopic(fields, limits) ?? badSince(fields, "since") ??
        badSince(fields, "cursor") ?? badCredit(fields) ??
        {
          action,
          id,
          topic: topic as string,
          since: since as WireSince | undefined,
          cursor: cursor as WireSince | undefined,
          onGap,
          ...credit(fields),
        };
    case "topics": {
      const { prefix = "", after = "", count = TOPICS_PAGE } = fields;
      if (typeof prefix !== "string" || !prefix.isWellFormed()) {
        return refuseField(fields, "prefix", "well-formed text");
      }
      if (typeof after !== "string" || !after.isWellFormed()) {
        return refuseField(fields, "after", "well-formed text");
      }
      if (!isCount(count) || count < 1) return refuseField(fields, "count", "at least 1");
      return { action, id, prefix, after, count: Math.min(count, TOPICS_PAGE) };
    }
  }
}

function decodeHello(fields: Fields, id: number): Request {
  const {
    protocol,
    since,
    session,
    try: tried = 0,
    known,
    heartbeat,
    frameBytes,
    progress,
    token,
  } = fields;
  if (protocol !== undefined && protocol !== PROTOCOL) {
    return refuseField(fields, "protocol", `${PROTOCOL}, the version this server speaks`);
  }
  if (!isSince(since)) return refuseField(fields, "since", SINCE);
  if (session !== undefined && !(typeof session === "string" && SESSION.test(session))) {
    // It may be a secret with a slip in it: what was seen is not told.
    const form = "16 to 64 letters, digits, - and _";
    return refuse(fields, "bad_request", `Cannot hello: "session" is not ${form}`);
  }
  if (!isCount(tried)) return refuseField(fields, "try", "a whole number");
  if (known !== undefined && !isKnown(known)) {
    return refuseField(fields, "known", "an epoch and a sequence number");
  }
  if (!isText(token)) {
    return refuse(fields, "bad_request", 'Cannot hello: "token" is not text');
  }
  const { least, most } = HEARTBEAT;
  if (heartbeat !== undefined && !(isCount(heartbeat) && heartbeat >= least && heartbeat <= most)) {
    return refuseField(fields, "heartbeat", `milliseconds from ${least} to ${most}`);
  }
  if (frameBytes !== undefined && !(isCount(frameBytes) && frameBytes > 0)) {
    return refuseField(fields, "frameBytes", "a whole number from 1");
  }
  return {
    action: "hello",
    id,
    since,
    session,
    try: tried,
    known,
    heartbeat,
    frameBytes,
    progress: progress === true,
    token,
  };
}

function isKnown(value: unknown): value is { epoch: string; seq: number } {
  const { epoch, seq } = Object(value);
  return typeof epoch === "string" && isText(epoch) && isCount(seq);
}

function decodePut(
  fields: Fields,
  id: number | undefined,
  limits: Limits,
  encode: Encode,
): Request {
  const { topic, message, messages, n } = fields;
  const fault = badTopic(fields, limits);
  if (fault) return fault;
  if (id === undefined && message !== undefined) return decodePutOf1x(fields, encode);
  if ((message === undefined) === (messages === undefined)) {
    return refuse(fields, "bad_message", 'Cannot put: a put has either "message" or "messages"');
  }
  if (messages !== undefined && !Array.isArray(messages)) {
    return refuse(
      fields,
      "bad_message",
      `Cannot put: "messages" is ${kindOf(messages)}, not an array`,
    );
  }
  const many = messages !== undefined;
  if (n !== undefined && !(isCount(n) && n <= MAX_NUMBER)) {
    return refuseField(fields, "n", `a whole number from 0 to ${MAX_NUMBER}`);
  }
  const texts: readonly unknown[] = many ? messages : [message];
  // JSON has nothing that is undefined.
  const other = texts.find((text) => typeof text !== "string");
  if (other !== undefined) return refuseMessage(fields, other);
  return {
    action: "put",
    id,
    n,
    topic: topic as string,
    messages: texts as readonly string[],
    many,
    encode,
  };
}

/** Of other fields dsmq 1.x knows nothing: they may hold anything. */
function decodePutOf1x(fields: Fields, encode: Encode): Request {
  const { topic, message } = fields;
  const isNull = message === null;
  if (!isNull && typeof message !== "string") return refuseMessage(fields, message);
  return {
    action: "put",
    id: undefined,
    n: undefined,
    topic: topic as string,
    messages: [isNull ? "" : message],
    many: false,
    encode: isNull ? encodeNull : encode,
  };
}

const encodeNull: Encode = () => NULL_BODY;

function refuseMessage(fields: Fields, message: unknown): Request {
  const why = `it is ${kindOf(message)}, not a string`;
  return refuse(fields, "bad_message", `Cannot put message: ${why}`);
}
