/**
 * What all sessions of a server have in common, and how they answer.
 *
 * @module
 */

import { answer, errorAnswer, plainError, type Welcome } from "../protocol/answers.ts";
import type { WireError } from "../protocol/errors.ts";
import type { Request } from "../protocol/requests.ts";
import { StoreError } from "../stores/store.ts";
import type { Claims } from "./claims.ts";
import type { Door } from "./leave.ts";
import type { Pulses } from "./pulses.ts";
import type { Log, Queue } from "./queue.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import type { Budgets } from "./shares.ts";

/** What a session needs of its server. */
export interface Host {
  readonly queue: Queue;
  /** What `hello` is answered with, beside where the connection and the store stand. */
  readonly welcome: Omit<Welcome, "start" | "last" | "floor" | "time">;
  /** How many requests of a connection may fail in a minute before it is closed. */
  readonly errorsPerMinute: number;
  /** Knows the tokens that `hello` may bring. */
  readonly door: Door;
  /** Which sessions are in use. */
  readonly claims: Claims;
  /** Who sends heartbeats. */
  readonly pulses: Pulses;
  /** What all connections share. */
  readonly budgets: Budgets;
  /** Stops the server; `undefined` if that is not allowed. */
  readonly shutdown: (() => void) | undefined;
  /**
   * Takes note of a request that failed.
   *
   * @param error why
   * @param from the address of who asked, if it is known
   * @param advice what whoever runs the server can do about it
   */
  refused(error: WireError, from?: string, advice?: string): void;
}

/** Answers a request that was done; one without an id has no answer. */
export function done(
  { id }: { readonly id: number | undefined },
  fields: object,
  replies: ReplyWriter,
): void {
  if (id !== undefined) replies.add(answer(id, fields));
}

/** Answers a request that failed; without an id only a read has an answer, for a client of dsmq 1.x waits for one. */
export function fail(host: Host, request: Request, error: WireError, replies: ReplyWriter): void {
  host.refused(error);
  const { id } = request;
  if (id !== undefined) replies.add(errorAnswer(id, error));
  else if (isAwaited(request)) replies.addPlain(plainError(error));
}

/** Whether a client of dsmq 1.x waits for an answer to a request. */
export function isAwaited(request: Request): boolean {
  const { action } = request;
  return action === "refused" ? request.awaited : action === "get" || action === "get_latest";
}

/** What a store refused, as the client gets to see it. */
export function told({ code, message, limit }: StoreError): WireError {
  return { code, message, ...(limit !== undefined && { limit }) };
}

/** A failure as the client gets to see it. Only a store's own words are for clients; anything else is a defect, and logged. */
export function wireError(error: unknown, log: Log): WireError {
  if (error instanceof StoreError) return told(error);
  log.error("dsmq: a request failed unexpectedly:", error);
  const message = "Cannot use the store: it failed unexpectedly, the server's log says more";
  return { code: "unavailable", message };
}

/** Words the refusal of an id that names something else still. */
export function idInUse(id: number): WireError {
  return { code: "bad_request", message: `Cannot read request: its id ${id} is still in use` };
}
