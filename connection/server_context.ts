/**
 * What all sessions of a server have in common, and how they answer.
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
import type { SessionOwners } from "./session_owners.ts";
import type { Heartbeats } from "./heartbeats.ts";
import type { Queue } from "../queue/queue.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import type { SharedBudgets } from "../budgets/shared_budgets.ts";

/** What a session needs of its server. */
export interface ServerContext {
  readonly queue: Queue;
  /** What `hello` is answered with, beside where the connection and the store stand. */
  readonly welcome: Omit<Welcome, "start" | "last" | "floor" | "time">;
  /** How many requests of a connection may fail in a minute before it is closed. */
  readonly errorsPerMinute: number;
  /** Knows the tokens that `hello` may bring. */
  readonly accessControl: Pick<AccessControl, "digestOf" | "permissionsOf">;
  /** Which sessions are in use. */
  readonly sessionOwners: SessionOwners;
  /** Who sends heartbeats. */
  readonly heartbeats: Heartbeats;
  /** What all connections share. */
  readonly budgets: SharedBudgets;
  /** Stops the server; `undefined` if that is not allowed. */
  readonly shutdown: (() => void) | undefined;
  /**
   * Takes note of a request that failed.
   *
   * @param error why
   * @param from the address of who asked, if it is known
   * @param advice what whoever runs the server can do about it
   */
  onRefused(error: WireError, from?: string, advice?: string): void;
}

/** Answers a request that was done; one without an id has no answer. */
export function reply(
  { id }: { readonly id: number | undefined },
  fields: object,
  replies: ReplyWriter,
): void {
  if (id !== undefined) replies.add(successReply(id, fields));
}

/** Answers a request that failed; without an id only a read has an answer, for a client of dsmq 1.x waits for one. */
export function replyError(
  context: ServerContext,
  request: WireRequest,
  error: WireError,
  replies: ReplyWriter,
): void {
  context.onRefused(error);
  const { id } = request;
  if (id !== undefined) replies.add(errorReply(id, error));
  else if (awaitsReply(request)) replies.addLegacy(legacyErrorReply(error));
}

/** Whether a client of dsmq 1.x waits for an answer to a request. */
export function awaitsReply(request: WireRequest): boolean {
  const { action } = request;
  return action === "refused" ? request.needsReply : action === "get" || action === "get_latest";
}

/** Words the refusal of an id that names something else still. */
export function idInUse(id: number): WireError {
  return { code: "bad_request", message: `Cannot read request: its id ${id} is still in use` };
}
