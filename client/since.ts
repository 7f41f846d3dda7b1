/**
 * From where to read, as a caller says it.
 *
 * @module
 */

import type { WireSince } from "../protocol/requests.ts";
import { formatValue } from "../protocol/text.ts";
import { requireOptions } from "./require_options.ts";

/**
 * From where to read: `"start"`, the oldest message kept; `"now"`, only what comes; a `Date`, what was stored
 * then or later; `{ ago }`, what was stored in the last so many milliseconds; a number, what comes after the message with
 * that sequence number. Times are those of the server's clock: with `ago` that of this machine may be wrong.
 */
export type Since = "start" | "now" | number | Date | { readonly ago: number };

/**
 * Puts a position in the words of the wire.
 *
 * @param since where to read from
 * @returns the same for the wire
 * @throws {TypeError | RangeError} if it is not a position
 */
export function toWireSince(since: Since | undefined): WireSince | undefined {
  if (since === undefined || since === "start" || since === "now") return since;
  if (since instanceof Date) {
    const time = since.getTime();
    // Every message is younger than 1970.
    if (!Number.isNaN(time)) return { time: Math.max(0, time) };
    throw new RangeError("Cannot read: since must be a valid Date, got an invalid one");
  }
  if (typeof since === "object" && since !== null && "ago" in since) {
    requireOptions("read", since, ["ago"], "since.");
    const { ago } = since;
    if (Number.isSafeInteger(ago) && ago >= 0) return { ago };
    throw new RangeError(
      `Cannot read: since.ago must be whole milliseconds from 0, got ${formatValue(ago)}`,
    );
  }
  if (typeof since !== "number") {
    throw new TypeError(
      `Cannot read: since must be "start", "now", a Date, { ago } or a sequence number, got ${
        formatValue(since)
      }`,
    );
  }
  if (Number.isSafeInteger(since) && since >= 0) return { after: since };
  throw new RangeError(
    `Cannot read: since must be a sequence number, a whole number from 0, got ${since}`,
  );
}
