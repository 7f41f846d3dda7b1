/**
 * How a client understands what a server says: each field is what it has to be, or nothing of the frame counts.
 *
 * Fields that nobody knows are ignored, so that servers can grow.
 *
 * @module
 */

import type { Reply } from "./encode_replies.ts";
import { ERRORS, type PutOutcome, type WireError } from "./errors.ts";
import { isBoundedText, isCount } from "./request_fields.ts";
import { isWithinBounds } from "./json_bounds.ts";

/** Larger frames are looked at before they are parsed, in characters. */
const MAX_UNCHECKED_LENGTH = 64 * 1024;

/**
 * No frame holds more: a list of refusals lies in five arrays and objects, a list of topics has thousands of them, and
 * a frame of answers has 256 KiB at most. A list of 21,000 puts that leave together can be refused with two names each.
 */
const REPLY_BOUNDS = { depth: 8, values: 512 * 1024, names: 48 * 1024 };

/** How the code of an error is written, also of one that is not known yet. */
const CODE_PATTERN = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
const MAX_CODE_LENGTH = 64;

/**
 * Understands what a server said.
 *
 * @param data the data of a frame
 * @param maxBytes a frame has no more bytes than this
 * @returns the answers in it, in order; `undefined` if it is not a frame of this protocol
 */
export function decodeReplies(
  data: unknown,
  maxBytes: number = Infinity,
): readonly Reply[] | undefined {
  // A character is a byte at least.
  if (typeof data !== "string" || data.length > maxBytes) return undefined;
  if (data.length > MAX_UNCHECKED_LENGTH && !isWithinBounds(data, REPLY_BOUNDS)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return undefined;
  }
  const replies: readonly unknown[] = Array.isArray(value) ? value : [value];
  return replies.every(isReply) ? replies : undefined;
}

/** Each field that is there is of its type: no number goes wrong in a sum, no text is an object with a `toString`. */
function isReply(value: unknown): value is Reply {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return false;
  // To look for each of two dozen fields takes longer than to look at those that are there.
  const it = value as { readonly [name: string]: unknown };
  for (const name in it) if (!isValidField(name as keyof Reply, it[name])) return false;
  return true;
}

/** Whether a field is what it has to be; one that nobody knows is. The most frequent come first. */
function isValidField(name: keyof Reply, field: unknown): boolean {
  switch (name) {
    case "id":
      return isCount(field) || field === null;
    case "seq":
    case "time":
    case "through":
      return isCount(field);
    case "message":
      return isString(field);
    case "sub":
    case "prev":
    case "bytes":
      return isCount(field);
    case "seqs":
    case "times":
      return areCounts(field);
    case "messages":
      return areStrings(field);
    case "dup":
    case "more":
    case "dedupComplete":
      return typeof field === "boolean";
    case "error":
      return isWireError(field);
    case "ahead":
    case "answers":
    case "start":
    case "heartbeat":
    case "last":
    case "floor":
    case "retention":
    case "protocol":
      return isCount(field);
    case "topics":
      return Array.isArray(field);
    case "epoch":
    case "store":
    case "server":
    case "durability":
      return isString(field) && isBoundedText(field);
    case "limits":
      return field !== null && typeof field === "object";
  }
  name satisfies never;
  return true;
}

/**
 * Whether it is an error as it goes over the wire. What ends nothing there but is found by a client itself, no server
 * may say.
 */
function isWireError(value: unknown): value is WireError {
  if (value === null || typeof value !== "object") return false;
  const { code, message, limit, position, floor, last, outcomes }: {
    readonly [field in keyof WireError]?: unknown;
  } = value;
  return isWireCode(code) && isString(message) && isOptionalCount(limit) &&
    isOptionalCount(position) &&
    isOptionalCount(floor) && isOptionalCount(last) &&
    (outcomes === undefined || isListOf(outcomes, isOutcome));
}

function isWireCode(value: unknown): boolean {
  return isString(value) && value.length <= MAX_CODE_LENGTH && CODE_PATTERN.test(value) &&
    !(Object.hasOwn(ERRORS, value) &&
      ["client", "server"].includes(ERRORS[value as keyof typeof ERRORS].scope));
}

function isOutcome(value: unknown): value is PutOutcome {
  if (isCount(value)) return true;
  if (value === null || typeof value !== "object") return false;
  const { code, message } = value as { readonly code?: unknown; readonly message?: unknown };
  return isWireCode(code) && isString(message);
}

function isOptionalCount(value: unknown): boolean {
  return value === undefined || isCount(value);
}

function isString(value: unknown): value is string {
  return typeof value === "string";
}

/** Whether it is a list of numbers of the wire. A loop takes half as long as a call for each. */
function areCounts(value: unknown): value is readonly number[] {
  if (!Array.isArray(value)) return false;
  for (let i = 0; i < value.length; i++) if (!isCount(value[i])) return false;
  return true;
}

function areStrings(value: unknown): value is readonly string[] {
  if (!Array.isArray(value)) return false;
  for (let i = 0; i < value.length; i++) if (typeof value[i] !== "string") return false;
  return true;
}

function isListOf<T>(value: unknown, is: (item: unknown) => item is T): value is readonly T[] {
  return Array.isArray(value) && value.every(is);
}
