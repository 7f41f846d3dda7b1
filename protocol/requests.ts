/**
 * What a client says: the shape of each request.
 *
 * ```text
 * {"action":"hello","id":1,"protocol":1,"since":"start","session":"…","try":1,"heartbeat":10000,"token":"…"}
 * {"action":"hello","id":1,"session":"…","try":2,"since":{"after":40,"epoch":"…"},"known":{"epoch":"…","seq":44}}
 * {"action":"hello","id":1,"session":"…","try":3,"frameBytes":16384}
 * {"action":"put","id":2,"topic":"t","message":"one","n":1}
 * {"action":"put","id":3,"topic":"t","messages":["two","three"],"n":2}
 * {"action":"get","id":4,"topic":"t"}
 * {"action":"get_latest","id":5,"topic":"t","since":{"after":41,"epoch":"…","asOf":1767225600000}}
 * {"action":"get_wait","id":6,"topic":"t","timeout":10000}
 * {"action":"cancel","id":7,"wait":6}
 * {"action":"subscribe","id":8,"topic":"t","messages":256,"bytes":4194304,"since":{"after":41,"epoch":"…"},"onGap":"oldest"}
 * {"action":"subscribe","id":9,"topic":"t","messages":256,"bytes":4194304,"cursor":{"after":41,"epoch":"…","asOf":1767225600000}}
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

import type { EncodeBody } from "./body.ts";
import type { WireError } from "./errors.ts";

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
  readonly asOf?: number | undefined;
}

/**
 * From where a reader reads: the beginning, the end, after a position, from a time (ms since 1970), or from so long ago
 * (ms), both by the clock of the store.
 */
export type WireSince =
  | "start"
  | "now"
  | WirePosition
  | { readonly time: number }
  | { readonly ago: number };

/** What a subscription does where messages are gone that it should have had: go on with the oldest, or with what comes. */
export type GapPolicy = "oldest" | "now";

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
  readonly encode: EncodeBody;
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
  readonly needsReply: boolean;
  readonly error: WireError;
}

/** What a client asks for, understood and checked. */
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
  | { readonly action: "credit"; readonly id: number | undefined; readonly sub: number }
    & CreditTotals
  | { readonly action: "unsubscribe"; readonly id: number | undefined; readonly sub: number }
  | TopicsRequest
  | HeartbeatRequest
  | { readonly action: "close"; readonly id: number | undefined }
  | { readonly action: "shutdown"; readonly id: number | undefined }
  | RefusedRequest;

/** The request of one action. */
export type WireRequestOf<Action extends WireRequest["action"]> = Extract<
  WireRequest,
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
export interface CreditTotals {
  readonly messages: number;
  /** In bytes of the messages' JSON encoding in UTF-8. */
  readonly bytes: number;
}

/** A stream to open; it is named by the id of this request. */
export interface SubscribeRequest extends CreditTotals {
  readonly action: "subscribe";
  readonly id: number;
  readonly topic: string;
  /** From where; the connection's cursor, if it is not said. */
  readonly since: WireSince | undefined;
  /** Where that cursor is, if the topic was not read on this connection. */
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
