/**
 * The codes of errors, and what the errors carry: the types.
 *
 * @module
 */

import type { ConnectReason } from "./connect_reason.ts";
import type { Message } from "./message.ts";

/**
 * The code of a {@linkcode DsmqError}: what happened, for a program.
 *
 * What the server answers to a request:
 *
 * - `bad_request`: the request does not have the form that its action needs
 * - `unknown_action`: the server does not know this action
 * - `bad_topic`: the topic is empty, too long, or contains a character that topics must not have
 * - `bad_message`: the body is missing or no string, or an attribute is invalid
 * - `too_large`: the message is larger than the server accepts, which is `limit`
 * - `full`: the store is full: try again later
 * - `limit_exceeded`: a limit is reached, such as that of connections, requests or topics; it is `limit`
 * - `unauthorized`: a token is needed, and none or an invalid one was given
 * - `permission_denied`: the token does not permit this, or the server does not allow it
 * - `not_found`: there is nothing of that name, such as a connection
 * - `shutting_down`: the server is shutting down
 * - `unavailable`: the store, or the machine, could not do it
 * - `busy`: too much waits for the store: nothing was done, try again later
 * - `behind`: the server is cut off from the log of its store, or behind it: another one may do it
 * - `unknown_outcome`: nobody can know whether the message is stored
 * - `superseded`: the message is not stored: a later one of its session was stored before it arrived
 *
 * What ends a subscription, or fails one read; the next read continues after the gap:
 *
 * - `trimmed`: messages after the requested position are gone
 * - `ahead`: the requested position is beyond the last message
 * - `epoch_changed`: the history of the requested position is lost; the server has begun a new one
 *
 * What ends the stream of a worker, or fails what is done with a job:
 *
 * - `lease_lost`: the lease of the job has ended: somebody else may have it
 * - `session_taken_over`: a newer connection has taken over this session, or this worker
 *
 * What a client finds itself:
 *
 * - `closed`: the connection is closed or broken
 * - `refused`: the connection is closed each time this is sent, or each time its reply arrives
 * - `unreachable`: no dsmq server answers at the address; `reason` says why, as a {@linkcode ConnectReason}
 * - `protocol_error`: the server sent something that violates the protocol
 * - `invalid_value`: the value of a message does not fit its topic's schema, or JSON does not hold it
 *
 * What `serve` rejects with, besides `permission_denied`, `full` and `unavailable`:
 *
 * - `address_in_use`: another program listens at the address already
 * - `address_not_available`: this machine does not have the address, or the name is unknown
 * - `store_in_use`: the file is in use already, by this process or another one
 * - `store_unusable`: the file cannot be used: it is damaged, of another program or version, or its folder does not exist
 * - `module_unavailable`: the SQLite engine, or what the transport needs, cannot be loaded, or Deno is too old
 */
export type ErrorCode =
  | "bad_request"
  | "unknown_action"
  | "bad_topic"
  | "bad_message"
  | "too_large"
  | "full"
  | "limit_exceeded"
  | "unauthorized"
  | "permission_denied"
  | "not_found"
  | "shutting_down"
  | "unavailable"
  | "busy"
  | "behind"
  | "unknown_outcome"
  | "superseded"
  | "trimmed"
  | "ahead"
  | "epoch_changed"
  | "lease_lost"
  | "session_taken_over"
  | "closed"
  | "refused"
  | "unreachable"
  | "protocol_error"
  | "invalid_value"
  | "address_in_use"
  | "address_not_available"
  | "store_in_use"
  | "store_unusable"
  | "module_unavailable";

/** The outcome of one message of a `putMany`: its sequence number, or why it was not stored. */
export type PutOutcome = number | { readonly code: ErrorCode; readonly message: string };

/** What the errors of puts carry. */
export interface PutFailure {
  /** From `putMany`: the outcome of each message, in order. */
  readonly outcomes?: readonly PutOutcome[];
}

/** What the error of a gap carries: messages are missing behind the number that was asked for. */
export interface GapFound {
  /**
   * The sequence number after which messages were asked for, in the history that was asked for: no position, which names its
   * history. (With a purge: the number that it was given.)
   */
  readonly after: number;
  /** Everything up to this sequence number is gone. */
  readonly floor: number;
  /** The last sequence number of the store. */
  readonly last: number;
}

/** What is wrong with a value. */
export interface ValueIssue {
  /** Where: the keys that lead to it, from the outside in; empty for the value itself. */
  readonly path: readonly PropertyKey[];
  /** What is wrong there. */
  readonly message: string;
}

/** What an error of each code carries besides what all errors have. */
export interface ErrorFields {
  /** The request does not have the form that its action needs. */
  readonly bad_request: PutFailure;
  /** The server does not know this action. */
  readonly unknown_action: PutFailure;
  /** The topic is empty, too long, or contains a character that topics must not have. */
  readonly bad_topic: PutFailure;
  /** The body is missing or no string, or an attribute is invalid. */
  readonly bad_message: PutFailure;
  /** The message is larger than the server accepts. */
  readonly too_large: PutFailure & {
    /** The largest message that the server accepts, in bytes of its JSON encoding in UTF-8. */
    readonly limit: number;
    /** The size of this message in the same bytes, if this client measured it. */
    readonly bytes?: number;
    /** From `putMany`, with it: the index of the first message that is too large. */
    readonly index?: number;
  };
  /** The store is full: try again later. */
  readonly full: PutFailure & {
    /** The bytes that may be stored, unless it is the disk that is full. */
    readonly limit?: number;
  };
  /** A limit is reached, such as that of connections, requests or topics. */
  readonly limit_exceeded: PutFailure & {
    /** The limit, unless the whole connection was refused. */
    readonly limit?: number;
  };
  /** A token is needed, and none or an invalid one was given. */
  readonly unauthorized: PutFailure & {
    /** `http_status`, if an HTTP response said so. */
    readonly reason?: ConnectReason;
    /** The HTTP status of that response. */
    readonly status?: number;
  };
  /** The token does not permit this, or the server does not allow it. */
  readonly permission_denied: PutFailure;
  /** There is nothing of that name, such as a connection. */
  readonly not_found: PutFailure;
  /** The server is shutting down. */
  readonly shutting_down: PutFailure;
  /** The store, or the machine, could not do it. */
  readonly unavailable: PutFailure;
  /** Too much waits for the store: nothing was done, try again later. */
  readonly busy: PutFailure;
  /** The server is cut off from the log of its store, or behind it: another one may do it. */
  readonly behind: PutFailure;
  /** Nobody can know whether the message is stored. */
  readonly unknown_outcome: PutFailure;
  /** The message is not stored: a later one of its session was stored before it arrived. */
  readonly superseded: PutFailure;
  /** Messages after the requested position are gone. */
  readonly trimmed: GapFound;
  /** The requested position is beyond the last message. */
  readonly ahead: GapFound;
  /** The history of the requested position is lost; the server has begun a new one. */
  readonly epoch_changed: GapFound;
  /** The lease of the job has ended: somebody else may have it. */
  readonly lease_lost: object;
  /** A newer connection has taken over this session, or this worker. */
  readonly session_taken_over: PutFailure;
  /** The connection is closed or broken. */
  readonly closed: PutFailure;
  /** The connection is closed each time this is sent, or each time its reply arrives. */
  readonly refused: {
    /** The last sequence number of the store that the client knows, if it was a reply. */
    readonly last?: number;
  };
  /** No dsmq server answers at the address. */
  readonly unreachable: {
    /** Why, as a word for programs. */
    readonly reason: ConnectReason;
    /** With the reasons `http_status` and `redirect`: the HTTP status. */
    readonly status?: number;
  };
  /** The server sent something that violates the protocol. */
  readonly protocol_error: PutFailure;
  /** The value of a message does not fit its topic's schema, or JSON does not hold it. */
  readonly invalid_value: {
    /** What is wrong with it. */
    readonly issues: readonly ValueIssue[];
    /** From `putMany`: the index of the first value that does not fit. */
    readonly index?: number;
    /** From a reader: the message, which counts as read. */
    readonly received?: Message;
  };
  /** Another program listens at the address already. */
  readonly address_in_use: object;
  /** This machine does not have the address, or the name is unknown. */
  readonly address_not_available: object;
  /** The file is in use already, by this process or another one. */
  readonly store_in_use: object;
  /** The file cannot be used: it is damaged, of another program or version, or its folder does not exist. */
  readonly store_unusable: object;
  /** The SQLite engine, or what the transport needs, cannot be loaded, or Deno is too old. */
  readonly module_unavailable: object;
}
