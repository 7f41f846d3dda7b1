/**
 * The table of all errors: what each code means, what it ends, whether the call may be repeated, and what the error carries.
 *
 * @module
 */

import type { ErrorCode, ErrorFields } from "./error_fields.ts";

/** What an error ends: a request or a stream. Errors of `client` and `server` are not sent: the client or `serve` finds them itself. */
export type ErrorScope = "request" | "stream" | "client" | "server";

/** Which fields an error has, and whether always: what `T` says, as values. */
type Presence<T> = {
  readonly [Field in keyof T]-?: object extends Pick<T, Field> ? "sometimes" : "always";
};

/** What there is to know of a code. */
export interface ErrorInfo<Fields = object> {
  /** What an error of this code ends. */
  readonly scope: ErrorScope;
  /** As {@linkcode DsmqError.retryable}. */
  readonly retryable: boolean;
  /** What the error carries. */
  readonly fields: Presence<Fields>;
  /** What the code means, in the words of the documentation. */
  readonly description: string;
}

const PUT = { outcomes: "sometimes" } as const;
const LIMIT = { limit: "sometimes", ...PUT } as const;
const REQUEST = { scope: "request", retryable: false, fields: PUT } as const;
const GAP = { after: "always", floor: "always", last: "always" } as const;
const MISSING = { scope: "stream", retryable: false, fields: GAP } as const;

/** Everything about each code; the tables of `docs/api.md` and `docs/protocol.md` have the same rows. */
export const ERRORS: { readonly [Code in ErrorCode]: ErrorInfo<ErrorFields[Code]> } = {
  bad_request: {
    ...REQUEST,
    description: "The request does not have the form that its action needs.",
  },
  unknown_action: {
    ...REQUEST,
    description: "The server does not know this action.",
  },
  bad_topic: {
    ...REQUEST,
    description: "The topic is empty, too long, or contains a character that topics must not have.",
  },
  bad_message: {
    ...REQUEST,
    description: "The body is missing or no string, or an attribute is invalid.",
  },
  too_large: {
    scope: "request",
    retryable: false,
    fields: { limit: "always", bytes: "sometimes", index: "sometimes", ...PUT },
    description: "The message is larger than the server accepts.",
  },
  full: {
    scope: "request",
    retryable: true,
    fields: LIMIT,
    description: "The store is full: try again later.",
  },
  limit_exceeded: {
    scope: "request",
    retryable: true,
    fields: LIMIT,
    description: "A limit is reached, such as that of connections, requests or topics.",
  },
  unauthorized: {
    scope: "request",
    retryable: false,
    fields: { reason: "sometimes", status: "sometimes", ...PUT },
    description: "A token is needed, and none or an invalid one was given.",
  },
  permission_denied: {
    ...REQUEST,
    description: "The token does not permit this, or the server does not allow it.",
  },
  not_found: {
    ...REQUEST,
    description: "There is nothing of that name, such as a connection.",
  },
  shutting_down: {
    ...REQUEST,
    retryable: true,
    description: "The server is shutting down.",
  },
  unavailable: {
    ...REQUEST,
    retryable: true,
    description: "The store, or the machine, could not do it.",
  },
  busy: {
    ...REQUEST,
    retryable: true,
    description: "Too much waits for the store: nothing was done, try again later.",
  },
  behind: {
    ...REQUEST,
    retryable: true,
    description:
      "The server is cut off from the log of its store, or behind it: another one may do it.",
  },
  unknown_outcome: {
    ...REQUEST,
    description: "Nobody can know whether the message is stored.",
  },
  superseded: {
    ...REQUEST,
    retryable: true,
    description:
      "The message is not stored: a later one of its session was stored before it arrived.",
  },
  trimmed: {
    ...MISSING,
    description: "Messages after the requested position are gone.",
  },
  ahead: {
    ...MISSING,
    description: "The requested position is beyond the last message.",
  },
  epoch_changed: {
    ...MISSING,
    description: "The history of the requested position is lost; the server has begun a new one.",
  },
  lease_lost: {
    scope: "stream",
    retryable: true,
    fields: {},
    description: "The lease of the job has ended: somebody else may have it.",
  },
  session_taken_over: {
    scope: "stream",
    retryable: false,
    fields: PUT,
    description: "A newer connection has taken over this session, or this worker.",
  },
  closed: {
    scope: "client",
    retryable: false,
    fields: PUT,
    description: "The connection is closed or broken.",
  },
  refused: {
    scope: "client",
    retryable: false,
    fields: { last: "sometimes" },
    description: "The connection is closed each time this is sent, or each time its reply arrives.",
  },
  unreachable: {
    scope: "client",
    retryable: true,
    fields: { reason: "always", status: "sometimes" },
    description: "No dsmq server answers at the address.",
  },
  protocol_error: {
    scope: "client",
    retryable: false,
    fields: PUT,
    description: "The server sent something that violates the protocol.",
  },
  invalid_value: {
    scope: "client",
    retryable: false,
    fields: { issues: "always", index: "sometimes", received: "sometimes" },
    description:
      "The value of a message does not fit its topic's schema, or JSON does not hold it.",
  },
  address_in_use: {
    scope: "server",
    retryable: true,
    fields: {},
    description: "Another program listens at the address already.",
  },
  address_not_available: {
    scope: "server",
    retryable: false,
    fields: {},
    description: "This machine does not have the address, or the name is unknown.",
  },
  store_in_use: {
    scope: "server",
    retryable: true,
    fields: {},
    description: "The file is in use already, by this process or another one.",
  },
  store_unusable: {
    scope: "server",
    retryable: false,
    fields: {},
    description:
      "The file cannot be used: it is damaged, of another program or version, or its folder does not exist.",
  },
  module_unavailable: {
    scope: "server",
    retryable: false,
    fields: {},
    description:
      "The SQLite engine, or what the transport needs, cannot be loaded, or Deno is too old.",
  },
};
