/**
 * Where to start reading, as a caller specifies it.
 *
 * @module
 */

import { parsePosition, POSITION_FORM } from "../protocol/position.ts";
import type { WireSince } from "../protocol/requests.ts";
import { formatValue, quoted } from "../protocol/text.ts";
import { requireOptions, wrongNumber } from "./require_options.ts";

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
  if (since instanceof Date) {
    const time = since.getTime();
    // Every message is younger than 1970.
    if (!Number.isNaN(time)) return { time: Math.max(0, time) };
    throw new RangeError(`Cannot ${action}: since must be a valid Date, got an invalid one`);
  }
  if (typeof since === "object" && since !== null && "ago" in since) {
    requireOptions(action, since, ["ago"], "since.");
    const { ago } = since;
    if (Number.isSafeInteger(ago) && ago >= 0) return { ago };
    throw wrongNumber(action, "since.ago", "whole milliseconds from 0", ago);
  }
  if (typeof since === "string" && since.includes(":")) {
    const parsed = parsePosition(since);
    // All that is gone after it is missing, whenever it went.
    if (typeof parsed === "object") return { after: parsed.seq, epoch: parsed.epoch, asOf: 0 };
    throw new RangeError(`Cannot ${action}: since must be ${parsed}, got ${quoted(since)}`);
  }
  if (typeof since !== "number") {
    const ErrorClass = typeof since === "string" ? RangeError : TypeError;
    throw new ErrorClass(
      `Cannot ${action}: since must be "start", "now", a Date, { ago }, ${POSITION_FORM} or a sequence number, got ${
        formatValue(since)
      }`,
    );
  }
  if (Number.isSafeInteger(since) && since >= 0) return { after: since };
  throw new RangeError(
    `Cannot ${action}: since must be a sequence number, a whole number from 0, got ${since}`,
  );
}
