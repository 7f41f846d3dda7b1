/**
 * The requests of a client: the shape of each.
 *
 * ```text
 * {"action":"hello","id":1,"protocol":1,"since":"start","session":"…","try":1,"heartbeat":10000,"token":"…"}
 * {"action":"hello","id":1,"session":"…","try":2,"since":{"after":40,"epoch":"…"},"known":{"epoch":"…","seq":44}}
 * {"action":"hello","id":1,"session":"…","try":3,"frameBytes":16384}
 * {"action":"put","id":2,"topic":"t","body":"one","n":1}
 * {"action":"put","id":3,"topic":"t","bodies":["two","three"],"n":2}
 * {"action":"get","id":4,"topic":"t"}
 * {"action":"get_latest","id":5,"topic":"t","since":{"after":41,"epoch":"…","asOf":1767225600000}}
 * {"action":"get_wait","id":6,"topic":"t","timeout":10000}
 * {"action":"cancel","id":7,"wait":6}
 * {"action":"subscribe","id":8,"topic":"t","messages":256,"bytes":4194304,"since":{"after":41,"epoch":"…"},"onGap":"oldest"}
 * {"action":"subscribe","id":9,"topic":"t","messages":256,"bytes":4194304,"cursor":{"after":41,"epoch":"…","asOf":1767225600000}}
 * {"action":"subscribe","id":13,"prefix":"orders.","messages":256,"bytes":4194304,"since":"start"}
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
 * A frame is one request or an array of them. Requests of dsmq 1.x carry no `id`, and `message` instead of `body`.
 *
 * @module
 */

import type { AdminRequest } from "./admin_requests.ts";
import type { EncodedAttributes } from "./attributes.ts";
import type { EncodeBody } from "./body.ts";
import type { WireError } from "./errors.ts";
import type { GroupRequest } from "./group_requests.ts";
import type { TopicFilter, WireSince } from "./selection.ts";

export type { TopicFilter, WirePosition, WireSince } from "./selection.ts";

/** Where a subscription continues after a gap: at the oldest message, or with what is put from now on. */
export type GapPolicy = "oldest" | "now";

/** Opens a connection, or resumes one after a break. */
export interface HelloRequest {
  readonly action: "hello";
  readonly id: number;
  /** Where topics start that were not read on this connection, unless their first read says otherwise. */
  readonly since: WireSince | undefined;
  /** Identifies a client over several connections; a secret. */
  readonly session: string | undefined;
  /** Grows with each attempt of the session to connect: an older attempt takes over nothing. */
  readonly try: number;
  /** The position that the client knew when it sent the oldest unanswered put. */
  readonly known: { readonly epoch: string; readonly seq: number } | undefined;
  /** Asks for a heartbeat at this interval in milliseconds, and promises to answer it. */
  readonly heartbeat: number | undefined;
  /** Asks for frames of at most this size, unless a single reply is larger, and for an announcement before each. */
  readonly frameBytes: number | undefined;
  /** Promises to report received bytes, those of incomplete frames included. */
  readonly progress: boolean;
  readonly token: string | undefined;
}

/** Messages to store; `many` if they arrived as a list. */
export interface PutRequest {
  readonly action: "put";
  readonly id: number | undefined;
  /** The number of the first message within its session; the others have the following numbers. */
  readonly n: number | undefined;
  readonly topic: string;
  /** Strings of any length. `encode` turns them into JSON and measures them, once it is known that they may be put. */
  readonly bodies: readonly string[];
  /** The attributes of each message, if one has some. */
  readonly attributes: readonly (EncodedAttributes | undefined)[] | undefined;
  readonly many: boolean;
  readonly encode: EncodeBody;
}

/** A read; without an id it is one of dsmq 1.x. */
export interface GetRequest {
  readonly action: "get" | "get_latest";
  readonly id: number | undefined;
  readonly topic: string;
  /** Where reading starts, if the topic was not read on this connection. */
  readonly since: WireSince | undefined;
}

/** Raises the credit of a stream. */
export interface CreditRequest extends CreditTotals {
  readonly action: "credit";
  readonly id: number | undefined;
  readonly sub: number;
  /** Why it is refused: the stream has to learn it, because a request without an id has no reply. */
  readonly refusal: WireError | undefined;
}

/** A request that is invalid, or beyond a limit. */
export interface RefusedRequest {
  readonly action: "refused";
  /** The id of the answer: `null` if that of the request is invalid. */
  readonly id: number | null | undefined;
  /** It is a read of dsmq 1.x, which always gets an answer. */
  readonly needsReply: boolean;
  readonly error: WireError;
}

/** A request, decoded and checked. */
export type WireRequest =
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
  | CreditRequest
  | { readonly action: "unsubscribe"; readonly id: number | undefined; readonly sub: number }
  | TopicsRequest
  | HeartbeatRequest
  | { readonly action: "close"; readonly id: number | undefined }
  | { readonly action: "shutdown"; readonly id: number | undefined }
  | AdminRequest
  | GroupRequest
  | RefusedRequest;

/** The request of one action. */
export type WireRequestOf<Action extends WireRequest["action"]> = Extract<
  WireRequest,
  { readonly action: Action }
>;

/** Answers a heartbeat, announces a large frame, or reports received bytes. */
export interface HeartbeatRequest {
  readonly action: "heartbeat";
  readonly id: number | undefined;
  /** The approximate size of the large frame that follows. */
  readonly ahead: number;
  /** How much has arrived so far, in any unit that grows; it then answers no heartbeat. */
  readonly received: number | undefined;
}

/** How much a stream may send in all since it began; it never becomes less. */
export interface CreditTotals {
  readonly messages: number;
  /** In bytes of the messages' JSON encoding in UTF-8. */
  readonly bytes: number;
}

/** A stream to open. The id of the request is the id of the stream. */
export type SubscribeRequest = SubscribeFields & TopicFilter;

/** What it says besides the topic or the prefix. */
interface SubscribeFields extends CreditTotals {
  readonly action: "subscribe";
  readonly id: number;
  /** Where to begin. Default: the connection's cursor; with a prefix, where the connection starts to read. */
  readonly since: WireSince | undefined;
  /** The position of that cursor, if the topic was not read on this connection. */
  readonly cursor: WireSince | undefined;
  readonly onGap: GapPolicy | undefined;
}

/** A page of the list of topics, in order of their code points. */
export interface TopicsRequest {
  readonly action: "topics";
  readonly id: number;
  readonly prefix: string;
  readonly after: string;
  readonly count: number;
}
