/**
 * Why a connection ends, and the errors of the calls that it ends.
 *
 * @module
 */

import { DsmqError, type ErrorCode } from "../protocol/errors.ts";

/** Why a connection ends: the code of the errors, and the reason in words. */
export interface ConnectionEnd {
  readonly code: ErrorCode;
  readonly reason: string;
}

/** A call, as far as an error names it. */
export interface Call {
  /** As on the wire. */
  readonly action: string;
  readonly topic?: string | undefined;
}

/** Actions whose names do not read well in an error. */
const ACTION_WORDS: Readonly<Record<string, string>> = {
  get_wait: "wait",
  topics: "list topics",
  shutdown: "shut down",
  connections: "list connections",
  backup: "back up",
};

/**
 * Names an action in an error.
 *
 * @param action the action, as on the wire
 */
export function actionInWords(action: string): string {
  return ACTION_WORDS[action] ?? action.replace("_", " ");
}

/**
 * The error of a call, or of a stream, whose connection has ended.
 *
 * @param end why it has ended
 * @param url the address of the server
 * @param call the call that fails; `undefined` for a stream
 * @returns the error
 */
export function connectionEndError(
  { code, reason }: ConnectionEnd,
  url: string,
  call?: Call,
): DsmqError {
  const what = code === "unknown_outcome"
    ? `Cannot tell ${
      call?.action === "purge" ? "what was purged" : "whether the message is stored"
    }`
    : call
    ? `Cannot ${actionInWords(call.action)}`
    : "Cannot read on";
  const details = call?.topic === undefined ? {} : { topic: call.topic };
  return new DsmqError(code, `${what}: no connection to ${url}, ${reason}`, details);
}

/** The server violates the protocol. */
export function protocolViolation(error: unknown): ConnectionEnd {
  const reason = "the server sent something that violates the protocol";
  const detail = error instanceof Error ? error.message : error;
  return {
    code: "protocol_error",
    reason: detail === undefined ? reason : `${reason}: ${detail}`,
  };
}

/**
 * Whether the server will close the socket, because it stops, or because the token has expired: the request is sent again on
 * the next one.
 *
 * @param code of the error that it replied with
 * @param renewal set if there will be another token
 */
export function announcesClose(code: ErrorCode, renewal: object | undefined): boolean {
  return code === "shutting_down" || (code === "unauthorized" && renewal !== undefined);
}
