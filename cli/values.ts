/**
 * What a person writes on the command line, turned into values: times, positions, numbers.
 *
 * @module
 */

import type { Since } from "../client.ts";

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * Reads a length of time.
 *
 * @param name the option it was given for
 * @param text a number of seconds, or a number with one of the units `ms s m h d`
 * @returns whole milliseconds
 * @throws {RangeError} if it is neither
 */
export function duration(name: string, text: string): number {
  const ms = tryDuration(text);
  if (ms !== undefined) return ms;
  throw new RangeError(
    `--${name} is a time such as 600, 90s, 10m or 2h, got ${JSON.stringify(text)}`,
  );
}

function tryDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text);
  return match ? Math.round(Number(match[1]) * UNITS[match[2] ?? "s"]!) : undefined;
}

/**
 * Reads a position.
 *
 * @param text `start`, `now`, `seq:N` (after that message), a time ago, or a date such as `2026-01-31T12:00`
 * @returns the position
 * @throws {RangeError} if it is none of these
 */
export function position(text: string): Since {
  if (text === "start" || text === "now") return text;
  const seq = /^seq:(\d+)$/.exec(text)?.[1];
  if (seq !== undefined) return Number(seq);
  const ago = tryDuration(text);
  if (ago !== undefined) return new Date(Date.now() - ago);
  const date = new Date(text);
  if (/^\d{4}-/.test(text) && !Number.isNaN(date.getTime())) return date;
  const forms = "start, now, seq:N, a time ago such as 10m, or a date";
  throw new RangeError(`--since is ${forms}, got ${JSON.stringify(text)}`);
}

/**
 * Reads a whole number.
 *
 * @param name the option it was given for
 * @param text its digits
 * @returns the number
 * @throws {RangeError} if there is anything but digits
 */
export function whole(name: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new RangeError(`--${name} is a whole number, got ${JSON.stringify(text)}`);
}
