/**
 * Why a connection ends, and what those are told who wait on it.
 *
 * @module
 */

import { DsmqError, type ErrorCode } from "../protocol/errors.ts";
import type { PendingRequest } from "./pending_request.ts";

/** Why something ends: the code of the error, and the reason in words. */
export interface ConnectionEnd {
  readonly code: ErrorCode;
  readonly reason: string;
}

/** Words an error for one who asked, or for a stream. */
export type MakeEndError = (
  end: ConnectionEnd,
  request?: Pick<PendingRequest, "action" | "topic">,
) => DsmqError;

/** Actions whose names are no words for what somebody wants to do. */
const ACTION_WORDS: Readonly<Record<string, string>> = {
  get_wait: "wait",
  topics: "list topics",
  shutdown: "shut down",
};

/**
 * Says what cannot be done, in an error.
 *
 * @param action what was asked for, as on the wire
 */
export function actionInWords(action: string): string {
  return ACTION_WORDS[action] ?? action.replace("_", " ");
}

/**
 * Words that a connection has ended.
 *
 * @param end why
 * @param url the address of the server
 * @param request what fails by it; `undefined` for a stream
 * @returns the error
 */
export function connectionEndError(
  { code, reason }: ConnectionEnd,
  url: string,
  request?: Pick<PendingRequest, "action" | "topic">,
): DsmqError {
  const what = code === "unknown_outcome"
    ? "Cannot tell whether the message is stored"
    : request
    ? `Cannot ${actionInWords(request.action)}`
    : "Cannot read on";
  const details = request?.topic === undefined ? {} : { topic: request.topic };
  return new DsmqError(code, `${what}: no connection to ${url}, ${reason}`, details);
}
