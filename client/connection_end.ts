/**
 * Why a connection ends, and the errors of the calls that it ends.
 *
 * @module
 */

import { DsmqError, type ErrorCode } from "../protocol/errors.ts";
import { thrownText } from "../protocol/text.ts";
import type { CloseInfo } from "./status_tracker.ts";

/** Why a connection ends: the code of the errors, the reason in words, and the error behind it, if there is one. */
export interface ConnectionEnd {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly cause?: unknown;
}

/** Its caller closes it. */
export const CLOSED: ConnectionEnd = { code: "closed", reason: "it was closed" };

/** A call, as far as an error names it. */
export interface Call {
  /** What the caller did, as it follows "Cannot". */
  readonly verb: string;
  readonly topic?: string | undefined;
}

/** Actions of the wire whose names do not read well in an error. */
const VERBS: Readonly<Record<string, string>> = {
  topics: "list topics",
  shutdown: "shut down",
  connections: "list connections",
  groups: "list groups",
  dead: "list dead jobs",
  create_group: "create group",
  delete_group: "delete group",
  backup: "back up",
};

/**
 * What the caller did to make a request, unless the request itself says so.
 *
 * @param action the action, as on the wire
 */
export function verbOf(action: string): string {
  return VERBS[action] ?? action;
}

/**
 * The error of a call, or of a stream, whose connection has ended.
 *
 * @param end why it has ended
 * @param url the address of the server
 * @param call the call that fails, or the stream
 * @returns the error
 */
export function connectionEndError(
  end: ConnectionEnd,
  url: string,
  call: Call,
): DsmqError {
  const { code, reason } = end;
  const what = code === "unknown_outcome"
    ? `Cannot tell ${call.verb === "purge" ? "what was purged" : "whether the message is stored"}`
    : `Cannot ${call.verb}`;
  const details = { ...detailsOf(end), topic: call.topic };
  return new DsmqError(code, `${what}: no connection to ${url}, ${reason}`, details);
}

/**
 * What `closed` resolves to.
 *
 * @param end why it has ended
 * @param url the address of the server
 * @param isOwn its caller had closed it: what ends it after that is not an error
 */
export function closeInfo(end: ConnectionEnd, url: string, isOwn: boolean): CloseInfo {
  const { code, reason } = end;
  if (isOwn) return { code, reason };
  const error = new DsmqError(code, `The connection to ${url} ended: ${reason}`, detailsOf(end));
  return { code, reason, error };
}

/** The cause, and what an error of this code has from it. */
function detailsOf({ code, cause }: ConnectionEnd) {
  if (code !== "unauthorized" || !(cause instanceof DsmqError)) return { cause };
  const { reason, status } = cause;
  return { cause, reason, status };
}

/** Whether calls are accepted, and how they fail if not. */
export class Acceptance {
  readonly #url: () => string;
  #ended: ConnectionEnd | undefined;
  #isOver = false;
  #isAdmitting = false;

  /**
   * Accepts all.
   *
   * @param url the address of the server, for errors
   */
  constructor(url: () => string) {
    this.#url = url;
  }

  /** Why the connection has ended for its caller, if it has. */
  get ended(): ConnectionEnd | undefined {
    return this.#ended;
  }

  /** A put is being made that was called before it ended, or before as much was unanswered as may be. */
  get isAdmitting(): boolean {
    return this.#isAdmitting;
  }

  /** Why a call is not accepted, if that is so. */
  get refusal(): ConnectionEnd | undefined {
    return this.#isAdmitting ? undefined : this.#ended;
  }

  /** Throws if a call is not accepted. */
  require(call: Call): void {
    if (this.refusal) throw this.errorOf(this.refusal, call);
  }

  /** Makes a put that was called earlier, and counts as of then. Throws if everything has ended. */
  admit<T>(call: Call, put: () => T): T {
    if (this.#isOver) throw this.errorOf(this.#ended!, call);
    this.#isAdmitting = true;
    try {
      return put();
    } finally {
      this.#isAdmitting = false;
    }
  }

  /** No new call is accepted. */
  stop(end: ConnectionEnd): void {
    this.#ended ??= end;
  }

  /** Everything has ended. */
  finish(end: ConnectionEnd): void {
    this.stop(end);
    this.#isOver = true;
  }

  /** The error of a call, or of a stream. */
  errorOf(end: ConnectionEnd, call: Call): DsmqError {
    return connectionEndError(end, this.#url(), call);
  }
}

/**
 * It cannot reconnect.
 *
 * @param reason why the last socket ended
 * @param error why there is no other one: also what a function of the caller threw, which may be anything
 */
export function givenUp(reason: string, error: unknown): ConnectionEnd {
  const code = error instanceof DsmqError && error.code !== "unreachable" ? error.code : "closed";
  return { code, reason: `${reason}; ${thrownText(error)}`, cause: error };
}

/** The server violates the protocol. */
export function protocolViolation(error: unknown): ConnectionEnd {
  const reason = "the server sent something that violates the protocol";
  return {
    code: "protocol_error",
    reason: error === undefined ? reason : `${reason}: ${thrownText(error)}`,
    cause: error,
  };
}

/**
 * Whether there will be another socket, because the server stops or is behind, or because the token has expired: the request is
 * sent again on that.
 *
 * @param code of the error that it replied with
 * @param renewal set if there will be another token
 */
export function announcesClose(code: ErrorCode, renewal: object | undefined): boolean {
  return code === "shutting_down" || code === "behind" ||
    (code === "unauthorized" && renewal !== undefined);
}
