/**
 * What a client says. Each shape is drawn here, above the code that reads it.
 *
 * ```text
 * {"action":"hello","id":1,"protocol":1,"since":"start","session":"…","try":1,"heartbeat":10000,"token":"…"}
 * {"action":"hello","id":1,"session":"…","try":2,"since":{"after":40,"epoch":"…"},"known":{"epoch":"…","seq":44}}
 * {"action":"hello","id":1,"session":"…","try":3,"frameBytes":16384}
 * {"action":"put","id":2,"topic":"t","message":"one","n":1}
 * {"action":"put","id":3,"topic":"t","messages":["two","three"],"n":2}
 * {"action":"get","id":4,"topic":"t"}
 * {"action":"get_latest","id":5,"topic":"t","since":{"after":41,"epoch":"…","heard":1767225600000}}
 * {"action":"get_wait","id":6,"topic":"t","timeout":10000}
 * {"action":"cancel","id":7,"wait":6}
 * {"action":"subscribe","id":8,"topic":"t","messages":256,"bytes":4194304,"since":{"after":41,"epoch":"…"},"onGap":"oldest"}
 * {"action":"subscribe","id":9,"topic":"t","messages":256,"bytes":4194304,"cursor":{"after":41,"epoch":"…","heard":1767225600000}}
 * {"action":"credit","sub":8,"messages":512,"bytes":8388608}
 * {"action":"unsubscribe","id":10,"sub":8}
 * {"action":"heartbeat"}
 * {"action":"heartbeat","ahead":990000}
 * {"action":"heartbeat","received":81920}
 * {"action":"topics","id":11,"prefix":"te","after":"tea","count":100}
 * {"action":"shutdown","id":12}
 * {"action":"close"}
 * ```
 *
 * A frame is one request or an array of them. Requests of dsmq 1.x carry no `id`.
 *
 * @module
 */

import type { Encode } from "./body.ts";
import type { WireError } from "./errors.ts";
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
import { kindOf, quoted } from "./text.ts";

/** A position that a reader has reached. */
export interface WirePosition {
  /** Everything up to this sequence number is read. */
  readonly after: number;
  /** In which epoch it was reached; the present one if it is not said. */
  readonly epoch?: string | undefined;
  /**
   * The store's time (ms since 1970) that was heard last there: what was gone by then is no gap. Where it is not said,
   * nothing that is gone is one after a position in an epoch, and everything after a bare number.
   */
  readonly heard?: number | undefined;
}

/** From where a reader reads: the beginning, the end, after a position, or from a time (ms since 1970). */
export type WireSince =
  | "start"
  | "now"
  | WirePosition
  | { readonly time: number };

/** What a subscription does where messages are gone that it should have had: go on with the oldest, or with what comes. */
export type OnGap = "oldest" | "now";

/** Opens the conversation, or goes on with one after a break. */
export interface HelloRequest {
  readonly action: "hello";
  readonly id: number;
  /** Where topics start that were not read on this connection, unless their first read says otherwise. */
  readonly since: WireSince | undefined;
  /** Names the one who puts, over several connections; a secret. */
  readonly session: string | undefined;
  /** Grows with each try of this session to connect: an older one replaces nothing. */
  readonly try: number;
  /** What the client knew when it sent the oldest put that is unanswered. */
  readonly known: { readonly epoch: string; readonly seq: number } | undefined;
  /** Asks for a heartbeat each so many milliseconds, and promises to answer it. */
  readonly heartbeat: number | undefined;
  /** Wants no larger frames, unless one answer is larger, and to be told before each what it holds. */
  readonly frameBytes: number | undefined;
  /** Promises to say each so often that bytes come, also those of a frame that is not complete. */
  readonly progress: boolean;
  readonly token: string | undefined;
}

/** Messages to store; `many` if they came as a list. */
export interface PutRequest {
  readonly action: "put";
  readonly id: number | undefined;
  /** The number of the first within its session; each other one is one more than the one before. */
  readonly n: number | undefined;
  readonly topic: string;
  /** Strings of any length: what they are as JSON, and how large that is, `encode` tells once it is known that they may be put. */
  readonly messages: readonly string[];
  readonly many: boolean;
  readonly encode: Encode;
}

/** One read; without an id it is one of dsmq 1.x. */
export interface GetRequest {
  readonly action: "get" | "get_latest";
  readonly id: number | undefined;
  readonly topic: string;
  /** Where the topic is read from, if it was not read on this connection. */
  readonly since: WireSince | undefined;
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
    readonly since: WireSince | undefined;
    readonly timeout: number;
  }
  | { readonly action: "cancel"; readonly id: number | undefined; readonly wait: number }
  | SubscribeRequest
  | { readonly action: "credit"; readonly id: number | undefined; readonly sub: number } & Credit
  | { readonly action: "unsubscribe"; readonly id: number | undefined; readonly sub: number }
  | TopicsRequest
  | HeartbeatRequest
  | { readonly action: "close"; readonly id: number | undefined }
  | { readonly action: "shutdown"; readonly id: number | undefined }
  | RefusedRequest;

/** The request of one action. */
export type RequestOf<Action extends Request["action"]> = Extract<
  Request,
  { readonly action: Action }
>;

/** Answers a heartbeat. */
export interface HeartbeatRequest {
  readonly action: "heartbeat";
  readonly id: number | undefined;
  /** A large frame of about so many bytes follows. */
  readonly ahead: number;
  /** It answers none: so much has come so far. What it counts is the client's matter, as long as it grows. */
  readonly received: number | undefined;
}

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
  /** From where; the connection's cursor, if it is not said. */
  readonly since: WireSince | undefined;
  /** Where that cursor is, if the topic was not read on this connection. */
  readonly cursor: WireSince | undefined;
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

/** Who asks for a session draws it by lot: from 16 characters on nobody guesses it. */
const SESSION = /^[\w-]{16,64}$/;

/** The largest number of a put: a list that begins with it still counts exactly. */
const MAX_NUMBER = 2 ** 52;

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
  if (other !== undefined) {
    return refuse(
      fields,
      "bad_message",
      `Cannot put message: it is ${kindOf(other)}, not a string`,
    );
  }
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
