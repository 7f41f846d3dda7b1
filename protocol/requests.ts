/**
 * What a client says. Each shape is drawn here, above the code that reads it.
 *
 * ```text
 * {"action":"hello","id":1,"protocol":1,"since":"start","session":"…","heartbeat":10000,"token":"…"}
 * {"action":"hello","id":1,"session":"…","since":{"after":40,"epoch":"…"},"epoch":"…","positions":{"t":44}}
 * {"action":"put","id":2,"topic":"t","message":"one","n":1}
 * {"action":"put","id":3,"topic":"t","messages":["two","three"],"n":2}
 * {"action":"get","id":4,"topic":"t"}
 * {"action":"get_latest","id":5,"topic":"t"}
 * {"action":"get_wait","id":6,"topic":"t","timeout":10000}
 * {"action":"cancel","id":7,"wait":6}
 * {"action":"subscribe","id":8,"topic":"t","messages":256,"bytes":4194304,"since":{"after":41,"epoch":"…"},"onGap":"oldest"}
 * {"action":"credit","sub":8,"messages":512,"bytes":8388608}
 * {"action":"unsubscribe","id":9,"sub":8}
 * {"action":"heartbeat"}
 * {"action":"topics","id":10,"prefix":"te","after":"tea","count":100}
 * {"action":"shutdown","id":11}
 * ```
 *
 * A frame is one request or an array of them. Requests of dsmq 1.x carry no `id`.
 *
 * @module
 */

import { type Body, type Encode, tooLarge } from "./body.ts";
import type { WireError } from "./errors.ts";
import {
  badCredit,
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
import { kindOf, quoted, topicFault } from "./text.ts";

/**
 * From where a reader reads: the beginning, the end, after a sequence number (of a history, if it is named), or from
 * a time (ms since 1970).
 */
export type WireSince =
  | "start"
  | "now"
  | { readonly after: number; readonly epoch?: string | undefined }
  | { readonly time: number };

/** What a subscription does where messages are gone that it should have had: go on with the oldest, or with what comes. */
export type OnGap = "oldest" | "now";

/** Opens the conversation, or goes on with one after a break. */
export interface HelloRequest {
  readonly action: "hello";
  readonly id: number;
  /** Where topics start that `positions` does not name. */
  readonly since: WireSince | undefined;
  /** Names the one who puts, over several connections; a secret. */
  readonly session: string | undefined;
  /** How far topics are read, and in which history. */
  readonly positions: ReadonlyMap<string, number>;
  readonly epoch: string | undefined;
  /** Asks for a sign of life each so many milliseconds, and promises to answer it. */
  readonly heartbeat: number | undefined;
  readonly token: string | undefined;
}

/** Messages to store; `many` if they came as a list. */
export interface PutRequest {
  readonly action: "put";
  readonly id: number | undefined;
  /** The number of the first within its session; each other one is one more than the one before. */
  readonly n: number | undefined;
  readonly puts: readonly (Body & { readonly topic: string })[];
  readonly many: boolean;
}

/** One read; without an id it is one of dsmq 1.x. */
export interface GetRequest {
  readonly action: "get" | "get_latest";
  readonly id: number | undefined;
  readonly topic: string;
}

/** A request that could not be understood, or may not be carried out. */
export interface RefusedRequest {
  readonly action: "refused";
  /** Under which id it is answered: `null` if it carried one that is none. */
  readonly id: number | null | undefined;
  /** A client of dsmq 1.x waits for an answer to this one. */
  readonly awaited: boolean;
  readonly error: WireError;
}

/** What a client asks for, understood and checked. */
export type Request =
  | HelloRequest
  | PutRequest
  | GetRequest
  | {
    readonly action: "get_wait";
    readonly id: number;
    readonly topic: string;
    readonly timeout: number;
  }
  | { readonly action: "cancel"; readonly id: number | undefined; readonly wait: number }
  | SubscribeRequest
  | { readonly action: "credit"; readonly id: number | undefined; readonly sub: number } & Credit
  | { readonly action: "unsubscribe"; readonly id: number | undefined; readonly sub: number }
  | TopicsRequest
  | { readonly action: "heartbeat"; readonly id: number | undefined }
  | { readonly action: "shutdown"; readonly id: number | undefined }
  | RefusedRequest;

/** The request of one action. */
export type RequestOf<Action extends Request["action"]> = Extract<
  Request,
  { readonly action: Action }
>;

/** How much a subscriber takes in all since it subscribed: never less than it said before. */
export interface Credit {
  readonly messages: number;
  /** In bytes of the messages' JSON encoding in UTF-8. */
  readonly bytes: number;
}

/** A stream to open; it is named by the id of this request. */
export interface SubscribeRequest extends Credit {
  readonly action: "subscribe";
  readonly id: number;
  readonly topic: string;
  readonly since: WireSince | undefined;
  readonly onGap: OnGap | undefined;
}

/** A page of the list of topics, in order of their code points. */
export interface TopicsRequest {
  readonly action: "topics";
  readonly id: number;
  readonly prefix: string;
  readonly after: string;
  readonly count: number;
}

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
      return badTopic(fields, limits) ?? { action, id, topic: fields.topic as string };
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
    case "heartbeat":
    case "shutdown":
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
  const { topic, since, onGap, timeout = DEFAULT_WAIT } = fields;
  switch (action) {
    case "hello":
      return decodeHello(fields, id, limits);
    case "get_wait":
      if (!isCount(timeout) || timeout > MAX_WAIT) {
        return refuseField(fields, "timeout", `milliseconds from 0 to ${MAX_WAIT}`);
      }
      return badTopic(fields, limits) ?? { action, id, topic: topic as string, timeout };
    case "subscribe":
      if (!isSince(since)) return refuseField(fields, "since", SINCE);
      if (onGap !== undefined && onGap !== "oldest" && onGap !== "now") {
        return refuseField(fields, "onGap", '"oldest" or "now"');
      }
      return badTopic(fields, limits) ?? badCredit(fields) ??
        { action, id, topic: topic as string, since, onGap, ...credit(fields) };
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

/** Who asks for a session draws it by lot: from 16 characters on nobody guesses it. */
const SESSION = /^[\w-]{16,64}$/;

/** The largest number of a put: a list that begins with it still counts exactly. */
const MAX_NUMBER = 2 ** 52;

function decodeHello(fields: Fields, id: number, limits: Limits): Request {
  const { protocol, since, session, epoch, positions = {}, heartbeat, token } = fields;
  if (protocol !== undefined && protocol !== PROTOCOL) {
    return refuseField(fields, "protocol", `${PROTOCOL}, the version this server speaks`);
  }
  if (!isSince(since)) return refuseField(fields, "since", SINCE);
  if (session !== undefined && !(typeof session === "string" && SESSION.test(session))) {
    // It may be a secret with a slip in it: what was seen is not told.
    const form = "16 to 64 letters, digits, - and _";
    return refuse(fields, "bad_request", `Cannot hello: "session" is not ${form}`);
  }
  if (!isText(epoch)) return refuseField(fields, "epoch", "text");
  if (!isText(token)) {
    return refuse(fields, "bad_request", 'Cannot hello: "token" is not text');
  }
  const { least, most } = HEARTBEAT;
  if (heartbeat !== undefined && !(isCount(heartbeat) && heartbeat >= least && heartbeat <= most)) {
    return refuseField(fields, "heartbeat", `milliseconds from ${least} to ${most}`);
  }
  const read = readPositions(positions, limits);
  if (read === undefined) return refuseField(fields, "positions", "sequence numbers by topic");
  if (read.size > limits.cursors) {
    const { cursors: limit } = limits;
    const message = `Cannot hello: it has ${read.size} positions, the limit is ${limit}`;
    return refuse(fields, "too_many", message, { limit });
  }
  return { action: "hello", id, since, session, epoch, positions: read, heartbeat, token };
}

function readPositions(positions: unknown, limits: Limits): Map<string, number> | undefined {
  if (positions === null || typeof positions !== "object" || Array.isArray(positions)) return;
  const read = new Map(Object.entries(positions));
  for (const [topic, position] of read) {
    if (topicFault(topic, limits.topicBytes) !== undefined || !isCount(position)) return;
  }
  return read;
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
  const puts: PutRequest["puts"][number][] = [];
  for (const text of many ? messages as unknown[] : [message]) {
    if (typeof text !== "string") {
      return refuse(
        fields,
        "bad_message",
        `Cannot put message: it is ${kindOf(text)}, not a string`,
      );
    }
    const { body, bytes } = encode(text);
    if (bytes > limits.messageBytes) return refuse(fields, ...tooLarge(bytes, limits));
    puts.push({ topic: topic as string, body, bytes });
  }
  return { action: "put", id, n, puts, many };
}
