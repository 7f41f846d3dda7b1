/**
 * Errors: on the wire, and as a caller of dsmq gets them.
 *
 * @module
 */

import type { ConnectReason } from "./connect_reason.ts";
import { ERRORS } from "./error_codes.ts";
import type { ErrorCode, ErrorFields, PutOutcome, ValueIssue } from "./error_fields.ts";
import type { Message } from "./message.ts";

export type { ErrorCode, PutOutcome } from "./error_fields.ts";

/** An error as it goes over the wire, under `error`. */
export interface WireError {
  /** What kind of error it is. */
  readonly code: ErrorCode;
  /** What could not be done, why, and the value seen. */
  readonly message: string;
  /** With `too_large`, `full` and `limit_exceeded`: the limit. */
  readonly limit?: number;
  /**
   * With `trimmed`, `ahead` and `epoch_changed`: the sequence number after which messages were asked for. Of a purge: the one
   * before which; of a backup: its last.
   */
  readonly after?: number;
  /** With these: everything up to this sequence number is gone. */
  readonly floor?: number;
  /** With these: the last sequence number of the store. */
  readonly last?: number;
  /** With a `put` of many messages: the outcome of each, in order. */
  readonly outcomes?: readonly PutOutcome[];
}

/** What an error carries besides its code and message. */
export interface DsmqErrorDetails
  extends ErrorOptions, Omit<Partial<WireError>, "code" | "message"> {
  /** The topic that the failed call named. */
  readonly topic?: string;
  /** The prefix that it named instead of a topic. */
  readonly prefix?: string;
  /** The size of a message that is too large, in bytes of its JSON encoding in UTF-8. */
  readonly bytes?: number;
  /** Why a server could not be reached. */
  readonly reason?: ConnectReason;
  /** The HTTP status with which a server refused the connection. */
  readonly status?: number;
  /** What is wrong with a value. */
  readonly issues?: readonly ValueIssue[];
  /** The index of that value, or of a message that is too large, in a list. */
  readonly index?: number;
  /** The message that has that value. */
  readonly received?: Message;
}

/** The same with those that may be `undefined`, which count as absent. */
type GivenDetails = {
  readonly [Name in keyof DsmqErrorDetails]: DsmqErrorDetails[Name] | undefined;
};

const DETAIL_NAMES = [
  "topic",
  "prefix",
  "limit",
  "bytes",
  "after",
  "floor",
  "last",
  "reason",
  "status",
  "outcomes",
  "issues",
  "index",
] as const satisfies readonly (keyof DsmqErrorDetails)[];

/**
 * Marks errors of each copy of this package, in each realm: two versions of it in one program know each other's errors. What
 * was made from JSON or cloned has no such property, so no data from outside can pass for an error.
 */
const MARK = Symbol.for("@dsmq/server DsmqError");

/**
 * An error that a caller of dsmq may want to catch: it carries a code, and what is needed to recover.
 * {@linkcode isDsmqError} tells it from other errors, and what it carries by its code.
 *
 * Wrong arguments are a `TypeError` or `RangeError` instead.
 *
 * @example Tell a full store from a message that is too large
 * ```ts
 * import { connect, isDsmqError, serve } from "@dsmq/server";
 *
 * await using server = await serve({ port: 0, limits: { messageBytes: 10 } });
 * await using mq = await connect(server.url);
 * try {
 *   await mq.put("t", "more than ten bytes");
 * } catch (error) {
 *   if (isDsmqError(error, "too_large")) console.log(error.limit.toFixed()); // 10
 *   else if (isDsmqError(error) && error.retryable) console.log("try again later");
 *   else throw error;
 * }
 * ```
 */
export class DsmqError extends Error {
  /** The name of the class with the code, such as `DsmqError [full]`: what is printed where nobody catches it. */
  override readonly name: string;
  /** What kind of error it is. */
  readonly code: ErrorCode;
  /** The topic that the failed call named, where there is one. */
  declare readonly topic?: string;
  /** Of a subscription to a prefix: the prefix. */
  declare readonly prefix?: string;
  /** With `too_large`, `full` and `limit_exceeded`: the limit. */
  declare readonly limit?: number;
  /** With `too_large`, if this client measured it: the size of the message, in bytes of its JSON encoding in UTF-8. */
  declare readonly bytes?: number;
  /**
   * With `trimmed`, `ahead` and `epoch_changed`: the sequence number after which messages were asked for. Of a purge: the one
   * before which; of a backup: its last.
   */
  declare readonly after?: number;
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
  /** With `invalid_value`: what is wrong with the value. */
  declare readonly issues?: readonly ValueIssue[];
  /** With it, and with `too_large`, from `putMany`: the index of that value or message. */
  declare readonly index?: number;
  /** With it, from a reader: the message. Its text is not printed with the error, since it may be long, or private. */
  declare readonly received?: Message;

  /**
   * Makes an error.
   *
   * @param code what kind of error it is
   * @param message what could not be done, why, and the value seen
   * @param details what is needed to recover, and the `cause`
   */
  constructor(code: ErrorCode, message: string, details: GivenDetails = {}) {
    const { cause, received } = details;
    super(message, cause === undefined ? undefined : { cause });
    this.name = `DsmqError [${code}]`;
    this.code = code;
    // Only these names: another one could overwrite what every error has, such as `stack` or `toString`.
    for (const name of DETAIL_NAMES) {
      if (details[name] !== undefined) Object.assign(this, { [name]: details[name] });
    }
    if (received !== undefined) Object.defineProperty(this, "received", { value: received });
  }

  /**
   * Whether the same call may succeed later, without risk: it has had no effect, and what prevented it can pass by itself.
   * What is put again comes after what was put meanwhile. False if the call may have had an effect (`unknown_outcome`, or a
   * `putMany` of which some messages are stored), if repeating it would hide a loss (`trimmed`, `ahead`, `epoch_changed`), if
   * something must be changed first, and for codes that this version does not know. (A put with a `messageId` may be repeated
   * whatever this says: it is stored once.)
   */
  get retryable(): boolean {
    const outcomes = this.outcomes ?? [this];
    // An empty list, which no server of ours sends, does not say what is stored.
    return outcomes.length > 0 &&
      outcomes.every((it) => typeof it === "object" && isRetryable(it.code));
  }
}

function isRetryable(code: ErrorCode): boolean {
  return Object.hasOwn(ERRORS, code) && ERRORS[code].retryable;
}

Object.defineProperty(DsmqError.prototype, MARK, { value: true });

/** What all errors of a code have. */
export interface CodedError<Code extends ErrorCode> extends Error {
  /** What kind of error it is. */
  readonly code: Code;
  /** As {@linkcode DsmqError.retryable}. */
  readonly retryable: boolean;
  /** The topic that the failed call named, where there is one. */
  readonly topic?: string;
  /** Of a subscription to a prefix: the prefix. */
  readonly prefix?: string;
}

/** The errors of some codes, by default of all: a union that `code` narrows to what each carries. */
export type DsmqErrorOf<Code extends ErrorCode = ErrorCode> = {
  readonly [C in Code]: CodedError<C> & ErrorFields[C];
}[Code];

/**
 * Tells whether something that was caught is an error of dsmq, and narrows its type.
 *
 * It recognises errors of every copy of this package in the program, whichever realm (iframe, `node:vm`) made them, where
 * `instanceof` knows only its own. It does not recognise what JSON or `structuredClone` made of an error, nor `postMessage`:
 * these drop what an error carries.
 *
 * @param error what was caught
 * @returns whether it is a `DsmqError`; its `code` then narrows it further, as in a `switch`
 *
 * @example Do for each code what it needs
 * ```ts
 * import { isDsmqError, serve } from "@dsmq/server";
 *
 * await using server = await serve({ port: 0 });
 * try {
 *   await serve({ port: server.port });
 * } catch (error) {
 *   if (!isDsmqError(error)) throw error;
 *   switch (error.code) {
 *     case "address_in_use":
 *       console.log("try again later:", error.retryable); // true
 *       break;
 *     case "full":
 *       console.log("the disk is full", error.limit);
 *   }
 * }
 * ```
 */
export function isDsmqError(error: unknown): error is DsmqError & DsmqErrorOf;
/**
 * Tells whether something that was caught is an error of dsmq with one of some codes, and narrows it to what these carry.
 *
 * @param error what was caught
 * @param codes the codes
 * @returns whether it is such an error, and carries everything that these codes always carry
 *
 * @example Read on after a gap
 * ```ts
 * import { isDsmqError } from "@dsmq/server";
 *
 * function lost(error: unknown): number | undefined {
 *   if (isDsmqError(error, "trimmed", "epoch_changed")) return error.floor;
 * }
 * console.log(lost(new Error("another one"))); // undefined
 * ```
 */
export function isDsmqError<Code extends ErrorCode>(
  error: unknown,
  ...codes: [Code, ...Code[]]
): error is DsmqErrorOf<Code>;
/** Both in one. */
export function isDsmqError(error: unknown, ...codes: readonly ErrorCode[]): boolean {
  if (error === null || typeof error !== "object" || !(MARK in error)) return false;
  const { code } = error as unknown as DsmqError;
  return codes.length === 0 || (codes.includes(code) && carriesFields(code, error));
}

/**
 * Whether an error carries everything that its code always carries. One of another version of this package, or of another
 * server, may not: then the type would promise too much.
 *
 * @param code its code, which may be one that this version does not know
 * @param error the error
 */
export function carriesFields(code: string, error: object): boolean {
  if (!Object.hasOwn(ERRORS, code)) return true;
  const always = Object.entries(ERRORS[code as ErrorCode].fields)
    .filter(([, presence]) => presence === "always");
  return always.every(([field]) => (error as Record<string, unknown>)[field] !== undefined);
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
