/**
 * Where to start reading, as a caller specifies it.
 *
 * @module
 */

import { parsePosition, POSITION_FORM } from "../protocol/position.ts";
import type { WireSince } from "../protocol/requests.ts";
import { isOptions } from "../protocol/option_kinds.ts";
import { isCount } from "../protocol/request_fields.ts";
import { describeOption, requireOptions, wrongNumber, wrongOption } from "./require_options.ts";

/**
 * Where to start reading: `"start"`, at the oldest message that is kept; `"now"`, with what is stored from now on; a `Date`,
 * with what was stored then or later, and one in the future is now; `{ ago }`, with what was stored in the last `ago`
 * milliseconds; the `position` of a message, after that message; a number, after the message with that sequence number in the
 * server's present history. Times are those of the server's clock; with `ago`, the clock of this machine may be wrong.
 *
 * After a position or a number, messages of a topic that are gone are reported: its first read, or its subscription, gets the
 * error `trimmed`. It gets `ahead` if that history does not go so far, and `epoch_changed` if the server does not have it. A
 * number cannot tell histories apart: on a server that has begun a new one, it passes over the first messages there without
 * an error. So a program keeps the `position` of a message, not its number.
 */
export type Since = "start" | "now" | Date | { readonly ago: number } | string | number;

/**
 * Turns a start position into its form on the wire.
 *
 * @param action what the caller wants to do, for the error
 * @param since where to start
 * @returns the same for the wire
 * @throws {TypeError | RangeError} if it is invalid
 */
export function toWireSince(action: string, since: Since | undefined): WireSince | undefined {
  if (since === undefined || since === "start" || since === "now") return since;
  const forms = `"start", "now", a Date, { ago }, ${POSITION_FORM} or a sequence number`;
  const place = toPlace(action, "since", since, forms);
  if (!("seq" in place)) return place;
  const { seq: after, epoch } = place;
  // All that is gone after it is missing, whenever it went.
  return epoch === undefined ? { after } : { after, epoch, asOf: 0 };
}

/** A place in the history: a time, so many milliseconds ago, or a position, of which only the number may be known. */
export type Place =
  | { readonly time: number }
  | { readonly ago: number }
  | { readonly seq: number; readonly epoch?: string };

/**
 * Takes a place in the history as a caller specifies it.
 *
 * @param action what the caller wants to do, for the error
 * @param name the name of the option
 * @param value what the caller gave
 * @param forms what it may be
 * @param hint stands at the end of the error of a value of the wrong type
 * @throws {TypeError | RangeError} if it is invalid
 */
export function toPlace(
  action: string,
  name: string,
  value: unknown,
  forms: string,
  hint = "",
): Place {
  if (value instanceof Date) {
    const time = value.getTime();
    // Every message is younger than 1970.
    if (!Number.isNaN(time)) return { time: Math.max(0, time) };
    throw new RangeError(`Cannot ${action}: ${name} must be a valid Date, got an invalid one`);
  }
  if (isOptions(value, ["ago"])) {
    requireOptions(action, value, ["ago"], `${name}.`);
    if ("ago" in value) {
      if (isCount(value.ago)) return { ago: value.ago };
      throw wrongNumber(action, `${name}.ago`, "whole milliseconds from 0", value.ago);
    }
  }
  if (typeof value === "string" && value.includes(":")) {
    const parsed = parsePosition(value);
    if (typeof parsed === "object") return parsed;
    throw wrongOption(action, name, parsed, value, true);
  }
  if (isCount(value)) return { seq: value };
  const expected = typeof value === "number" ? "a sequence number, a whole number from 0" : forms;
  const ErrorClass = typeof value === "number" || typeof value === "string"
    ? RangeError
    : TypeError;
  throw new ErrorClass(
    `Cannot ${action}: ${name} must be ${expected}, got ${describeOption(value)}${hint}`,
  );
}
