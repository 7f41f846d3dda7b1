/**
 * Checks the errors in replies.
 *
 * @module
 */

import { ERRORS } from "./error_codes.ts";
import { carriesFields, type PutOutcome, type WireError } from "./errors.ts";
import { isString } from "./record.ts";
import { isCount, isCountIfGiven } from "./request_fields.ts";

/** The form of the code of an error, also of one that this version does not know. */
const CODE_PATTERN = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
const MAX_CODE_LENGTH = 64;

/**
 * Whether a value is an error of the wire. A server must not send the codes that clients, or `serve`, find themselves.
 */
export function isWireError(value: unknown): value is WireError {
  if (value === null || typeof value !== "object") return false;
  const { code, message, limit, after, floor, last, outcomes }: {
    readonly [field in keyof WireError]?: unknown;
  } = value;
  return isWireCode(code) && isString(message) && isCountIfGiven(limit) &&
    isCountIfGiven(after) && isCountIfGiven(floor) && isCountIfGiven(last) &&
    (outcomes === undefined || isListOf(outcomes, isOutcome)) && carriesFields(code, value);
}

function isWireCode(value: unknown): value is string {
  return isString(value) && value.length <= MAX_CODE_LENGTH && CODE_PATTERN.test(value) &&
    !(Object.hasOwn(ERRORS, value) &&
      ["client", "server"].includes(ERRORS[value as keyof typeof ERRORS].scope));
}

function isOutcome(value: unknown): value is PutOutcome {
  if (isCount(value)) return true;
  if (value === null || typeof value !== "object") return false;
  const { code, message } = value as { readonly code?: unknown; readonly message?: unknown };
  // The outcome of a message has no room for what some codes always carry.
  return isWireCode(code) && isString(message) && carriesFields(code, value);
}

function isListOf<T>(value: unknown, is: (item: unknown) => item is T): value is readonly T[] {
  return Array.isArray(value) && value.every(is);
}
