/**
 * What all sessions of a server have in common, and how they answer.
 *
 * @module
 */

import {
  errorReply,
  legacyErrorReply,
  successReply,
  type Welcome,
} from "../protocol/encode_replies.ts";
import type { WireError } from "../protocol/errors.ts";
import type { WireRequest } from "../protocol/requests.ts";
import { StoreError } from "../stores/store.ts";
import type { SessionOwners } from "./session_owners.ts";
import type { AccessControl } from "./authorize.ts";
import type { Heartbeats } from "./heartbeats.ts";
import type { Log, Queue } from "../queue/queue.ts";
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
  readonly accessControl: AccessControl;
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

/** What a store refused, as the client gets to see it. */
export function storeErrorToWire({ code, message, limit }: StoreError): WireError {
  return { code, message, ...(limit !== undefined && { limit }) };
}

/** A failure as the client gets to see it. Only a store's own words are for clients; anything else is a defect, and logged. */
export function toWireError(error: unknown, log: Log): WireError {
  if (error instanceof StoreError) return storeErrorToWire(error);
  log.error("dsmq: a request failed unexpectedly:", error);
  const message = "Cannot use the store: it failed unexpectedly, the server's log says more";
  return { code: "unavailable", message };
}

/** Words the refusal of an id that names something else still. */
export function idInUse(id: number): WireError {
  return { code: "bad_request", message: `Cannot read request: its id ${id} is still in use` };
}
