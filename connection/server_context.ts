/**
 * What all connections of a server share, and how they reply.
 *
 * @module
 */

import type { AccessControl } from "../auth/access_control.ts";
import {
  errorReply,
  legacyErrorReply,
  successReply,
  type Welcome,
} from "../protocol/encode_replies.ts";
import type { WireError } from "../protocol/errors.ts";
import type { WireRequest } from "../protocol/requests.ts";
import type { ConnectionDirectory } from "./connection_directory.ts";
import type { SessionOwners } from "./session_owners.ts";
import type { Heartbeats } from "./heartbeats.ts";
import type { Queue } from "../queue/queue.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import type { TokenExpiry } from "./token_expiry.ts";
import type { SharedBudgets } from "../budgets/shared_budgets.ts";

/** What a connection needs of its server. */
export interface ServerContext {
  readonly queue: Queue;
  /** The reply to `hello`, except where the connection and the store are. */
  readonly welcome: Omit<Welcome, "start" | "last" | "floor" | "time">;
  /** How many requests of a connection may fail in a minute before it is closed. */
  readonly errorsPerMinute: number;
  /** Knows the tokens that `hello` may carry. */
  readonly accessControl: Pick<AccessControl, "check" | "permissionsOf">;
  /** The owners of sessions. */
  readonly sessionOwners: SessionOwners;
  /** The open connections, for administrators. */
  readonly directory: ConnectionDirectory;
  /** The tokens that expire. */
  readonly tokenExpiry: TokenExpiry;
  /** Sends heartbeats. */
  readonly heartbeats: Heartbeats;
  /** What all connections share. */
  readonly budgets: SharedBudgets;
  /** Stops the server; `undefined` if clients may not do that. */
  readonly shutdown: (() => void) | undefined;
  /**
   * Records a request that failed.
   *
   * @param error why
   * @param from the address of the client, if it is known
   * @param advice what the operator of the server can do about it
   */
  onRefused(error: WireError, from?: string, advice?: string): void;
  /**
   * Records that an open connection is closed, if neither its client has closed it nor the server stops.
   *
   * @param reason why
   * @param from the address of the client
   */
  onClosed(reason: string, from: string): void;
}

/** Replies to a request that succeeded. A request without an id gets no reply. */
export function reply(
  { id }: { readonly id: number | undefined },
  fields: object,
  replies: ReplyWriter,
): void {
  if (id !== undefined) replies.add(successReply(id, fields));
}

/**
 * Replies to a request that failed. Without an id only a read gets a reply, because a client of dsmq 1.x waits for it. The log
 * may learn more than the client.
 */
export function replyError(
  context: ServerContext,
  request: WireRequest,
  error: WireError,
  replies: ReplyWriter,
  logged: WireError = error,
): void {
  context.onRefused(logged);
  const { id } = request;
  if (id !== undefined) replies.add(errorReply(id, error));
  else if (awaitsReply(request)) replies.addLegacy(legacyErrorReply(error));
}

/** Whether a client of dsmq 1.x waits for a reply to a request. */
export function awaitsReply(request: WireRequest): boolean {
  const { action } = request;
  return action === "refused" ? request.needsReply : action === "get" || action === "get_latest";
}

/** The error of a request whose id belongs to another one that is not finished. */
export function idInUse(id: number): WireError {
  return { code: "bad_request", message: `Cannot read request: its id ${id} is still in use` };
}
