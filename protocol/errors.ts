/**
 * Every error that dsmq reports: its code, what it says, and what it ends.
 *
 * @module
 */

import type { ConnectReason } from "./connect_reason.ts";

/**
 * The code of a {@linkcode DsmqError}: what happened, for a program.
 *
 * What the server answers to a request:
 *
 * - `bad_request`: the request does not have the form that its action needs
 * - `unknown_action`: the server does not know this action
 * - `bad_topic`: the topic is empty, too long, or contains a character that topics must not have
 * - `bad_message`: the body is missing, or is not a string
 * - `too_large`: the message is larger than the server accepts, which is `limit`
 * - `full`: the store is full: try again later
 * - `limit_exceeded`: a limit is reached, such as that of connections, requests or topics; it is `limit`
 * - `unauthorized`: a token is needed, and none or an invalid one was given
 * - `permission_denied`: the token does not permit this, or the server does not allow it
 * - `shutting_down`: the server is shutting down
 * - `unavailable`: the store, or the machine, could not do it
 * - `unknown_outcome`: nobody can know whether the message is stored
 * - `superseded`: the message is not stored: a later one of its session was stored before it arrived
 *
 * What ends a subscription, or fails one read; the next read continues after the gap:
 *
 * - `trimmed`: messages after the requested position are gone
 * - `ahead`: the requested position is beyond the last message
 * - `epoch_changed`: the history of the requested position is lost; the server has begun a new one
 *
 * What a client finds itself:
 *
 * - `session_taken_over`: a newer connection has taken over this session
 * - `closed`: the connection is closed or broken
 * - `refused`: the connection is closed each time this is sent, or each time its reply arrives
 * - `unreachable`: no dsmq server answers at the address; `reason` says why, as a {@linkcode ConnectReason}
 * - `protocol_error`: the server sent something that violates the protocol
 *
 * What `serve` rejects with, besides `permission_denied`, `full` and `unavailable`:
 *
 * - `address_in_use`: another program listens at the address already
 * - `address_not_available`: this machine does not have the address, or the name is unknown
 * - `store_in_use`: another process uses the file
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
  | "shutting_down"
  | "unavailable"
  | "unknown_outcome"
  | "superseded"
  | "trimmed"
  | "ahead"
  | "epoch_changed"
  | "session_taken_over"
  | "closed"
  | "refused"
  | "unreachable"
  | "protocol_error"
  | "address_in_use"
  | "address_not_available"
  | "store_in_use"
  | "store_unusable"
  | "module_unavailable";

/** What an error ends: a request or a stream. Errors of `client` and `server` are not sent: the client or `serve` finds them itself. */
export type ErrorScope = "request" | "stream" | "client" | "server";

/** What each code means, in the words of `docs/protocol.md`, and what the error ends. */
export const ERRORS: Readonly<
  Record<ErrorCode, { readonly scope: ErrorScope; readonly description: string }>
> = {
  bad_request: {
    scope: "request",
    description: "The request does not have the form that its action needs.",
  },
  unknown_action: { scope: "request", description: "The server does not know this action." },
  bad_topic: {
    scope: "request",
    description: "The topic is empty, too long, or contains a character that topics must not have.",
  },
  bad_message: { scope: "request", description: "The body is missing, or is not a string." },
  too_large: { scope: "request", description: "The message is larger than the server accepts." },
  full: { scope: "request", description: "The store is full: try again later." },
  limit_exceeded: {
    scope: "request",
    description: "A limit is reached, such as that of connections, requests or topics.",
  },
  unauthorized: {
    scope: "request",
    description: "A token is needed, and none or an invalid one was given.",
  },
  permission_denied: {
    scope: "request",
    description: "The token does not permit this, or the server does not allow it.",
  },
  shutting_down: { scope: "request", description: "The server is shutting down." },
  unavailable: { scope: "request", description: "The store, or the machine, could not do it." },
  unknown_outcome: {
    scope: "request",
    description: "Nobody can know whether the message is stored.",
  },
  superseded: {
    scope: "request",
    description:
      "The message is not stored: a later one of its session was stored before it arrived.",
  },
  trimmed: { scope: "stream", description: "Messages after the requested position are gone." },
  ahead: { scope: "stream", description: "The requested position is beyond the last message." },
  epoch_changed: {
    scope: "stream",
    description: "The history of the requested position is lost; the server has begun a new one.",
  },
  session_taken_over: {
    scope: "client",
    description: "A newer connection has taken over this session.",
  },
  closed: { scope: "client", description: "The connection is closed or broken." },
  refused: {
    scope: "client",
    description: "The connection is closed each time this is sent, or each time its reply arrives.",
  },
  unreachable: { scope: "client", description: "No dsmq server answers at the address." },
  protocol_error: {
    scope: "client",
    description: "The server sent something that violates the protocol.",
  },
  address_in_use: {
    scope: "server",
    description: "Another program listens at the address already.",
  },
  address_not_available: {
    scope: "server",
    description: "This machine does not have the address, or the name is unknown.",
  },
  store_in_use: { scope: "server", description: "Another process uses the file." },
  store_unusable: {
    scope: "server",
    description:
      "The file cannot be used: it is damaged, of another program or version, or its folder does not exist.",
  },
  module_unavailable: {
    scope: "server",
    description:
      "The SQLite engine, or what the transport needs, cannot be loaded, or Deno is too old.",
  },
};

/** An error as it goes over the wire, under `error`. */
export interface WireError {
  /** What kind of error it is. */
  readonly code: ErrorCode;
  /** What could not be done, why, and the value seen. */
  readonly message: string;
  /** With `too_large`, `full` and `limit_exceeded`: the limit. */
  readonly limit?: number;
  /** With `trimmed`, `ahead` and `epoch_changed`: the requested position. */
  readonly position?: number;
  /** With these: everything up to this sequence number is gone. */
  readonly floor?: number;
  /** With these: the last sequence number of the store. */
  readonly last?: number;
  /** With a `put` of many messages: the outcome of each, in order. */
  readonly outcomes?: readonly PutOutcome[];
}

/** The outcome of one message of a `putMany`: its sequence number, or why it was not stored. */
export type PutOutcome = number | { readonly code: ErrorCode; readonly message: string };

/** What an error carries besides its code and message. */
export interface DsmqErrorDetails
  extends ErrorOptions, Omit<Partial<WireError>, "code" | "message"> {
  /** The topic that the failed call named. */
  readonly topic?: string;
  /** Why a server could not be reached. */
  readonly reason?: ConnectReason;
  /** The HTTP status with which a server refused the connection. */
  readonly status?: number;
}

const DETAIL_NAMES = [
  "topic",
  "limit",
  "position",
  "floor",
  "last",
  "reason",
  "status",
  "outcomes",
] as const satisfies readonly (keyof DsmqErrorDetails)[];

/**
 * An error that a caller of dsmq may want to catch: it carries a code, and what is needed to recover.
 *
 * Wrong arguments are a `TypeError` or `RangeError` instead.
 *
 * @example Tell a full stop from a message that is too large
 * ```ts
 * import { DsmqError } from "@dsmq/server";
 *
 * const error: unknown = new DsmqError("too_large", "Cannot put message", { limit: 1_000_000 });
 * if (error instanceof DsmqError && error.code === "too_large") console.log(error.limit);
 * ```
 */
export class DsmqError extends Error {
  /** The name of the class with the code, such as `DsmqError [full]`: what is printed where nobody catches it. */
  override readonly name: string;
  /** What kind of error it is. */
  readonly code: ErrorCode;
  /** The topic that the failed call named, where there is one. */
  declare readonly topic?: string;
  /** With `too_large`, `full` and `limit_exceeded`: the limit. */
  declare readonly limit?: number;
  /** With `trimmed`, `ahead` and `epoch_changed`: the requested position. */
  declare readonly position?: number;
  /** With these: everything up to this sequence number is gone. */
  declare readonly floor?: number;
  /** With these: the last sequence number of the store. */
  declare readonly last?: number;
  /** With `unreachable`, and with `unauthorized` if an HTTP response says so: why, as a word for programs. */
  declare readonly reason?: ConnectReason;
  /** With the reasons `http_status` and `redirect`: the HTTP status. */
  declare readonly status?: number;
  /** From `putMany`: the outcome of each message, in order. */
  declare readonly outcomes?: readonly PutOutcome[];

  /**
   * Makes an error.
   *
   * @param code what kind of error it is
   * @param message what could not be done, why, and the value seen
   * @param details what is needed to recover, and the `cause`
   */
  constructor(code: ErrorCode, message: string, details: DsmqErrorDetails = {}) {
    const { cause } = details;
    super(message, cause === undefined ? undefined : { cause });
    this.name = `DsmqError [${code}]`;
    this.code = code;
    // Only these names: another one could overwrite what every error has, such as `stack` or `toString`.
    for (const name of DETAIL_NAMES) {
      if (details[name] !== undefined) Object.assign(this, { [name]: details[name] });
    }
  }
}

/**
 * Makes a copy of an error with the present stack, for the caller that sees it.
 *
 * @param error what was thrown
 * @returns the copy; anything but a {@linkcode DsmqError} is returned as it is
 */
export function withCurrentStack(error: unknown): unknown {
  return error instanceof DsmqError ? new DsmqError(error.code, error.message, error) : error;
}
