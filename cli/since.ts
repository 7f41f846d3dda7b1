/**
 * Parses `--since`: where a command starts to read.
 *
 * @module
 */

import type { Since } from "../client.ts";
import { parsePosition } from "../protocol/position.ts";
import { quoted } from "../protocol/text.ts";
import { type OptionSpec, type ParsedArguments, UsageError } from "./command.ts";
import { didYouMean } from "./did_you_mean.ts";
import { printError } from "./terminal.ts";
import { parseDurationOrNone, parseWholeNumber, suggestDuration } from "./values.ts";

/** The option, with its default for one command. */
export function sinceOption(defaultSince: string): OptionSpec {
  const forms =
    "start, now, the position of a message as --json prints it (after that), seq:N (after that number), a TIME ago such as 10m, or a date";
  const dates = "2026-01-31T12:00 (local time) or 2026-01-31T12:00Z";
  return { value: "FROM", help: `${forms} such as ${dates} (${defaultSince})` };
}

/**
 * Reads `--since`. A date in the future causes a warning, not an error: the clock of this machine or of the server may
 * be wrong.
 *
 * @param args the arguments of the command
 * @param defaultSince used if `--since` is not given
 * @returns where to read from
 * @throws {UsageError} if it is invalid
 */
export function sinceOf(args: ParsedArguments, defaultSince: string): Since {
  const since = parseSince(args.value("since") ?? defaultSince);
  const now = new Date();
  if (since instanceof Date && since > now) {
    const clock = `the clock of this machine (${now.toISOString()})`;
    printError(`dsmq: --since is in the future by ${clock}: no message stored so far is read`);
  }
  return since;
}

/**
 * Parses the value of `--since`.
 *
 * @param text `start`, `now`, a position, `seq:N` (after that message), a duration ago such as `10m`, or a date
 * @returns where to read from; a duration counts back from the server's clock
 * @throws {UsageError} if it is none of these
 */
export function parseSince(text: string): Since {
  if (text === "start" || text === "now") return text;
  const seq = /^seq:(.*)$/s.exec(text)?.[1];
  if (seq !== undefined) {
    return parseWholeNumber("N in --since seq:N", seq, { min: 0, max: Number.MAX_SAFE_INTEGER });
  }
  if (isPosition(text)) {
    const parsed = parsePosition(text);
    if (typeof parsed === "object") return text;
    throw new UsageError(`--since must be ${parsed}, got ${quoted(text)}`);
  }
  const ago = looksLikeDate(text) ? undefined : parseDurationOrNone(text);
  if (Number.isSafeInteger(ago)) return { ago: ago! };
  const parsed = parseDate(text);
  if (typeof parsed === "object") return parsed;
  const forms =
    "start, now, EPOCH:SEQ, seq:N, a time ago such as 10m, or a date such as 2026-01-31, " +
    "2026-01-31T12:00 or 2026-01-31T12:00Z";
  const reason = parsed ?? suggestion(text);
  throw new UsageError(`--since must be ${forms}, got ${quoted(text)}${reason}`);
}

/**
 * Whether a value of `--since` is meant as a position: no date has so many letters, digits and hyphens before its first colon.
 *
 * @param text the value, if it was given
 */
export function isPosition(text: string | undefined): boolean {
  return text !== undefined && /^(?!\d{4}-?\d\d-?\d\dT)[^:]{16,}:/.test(text);
}

/** A plain number means seconds, unless it looks like a year, a date or a Unix time. */
function looksLikeDate(text: string): boolean {
  return /^(19|20)\d\d$|^\d{6,}$/.test(text);
}

/** A day, with an optional time of day, and an optional time zone (default: local time). */
const DATE_PATTERN =
  /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?(?:Z|[+-](\d\d):?(\d\d))?)?$/;

/** Parses an ISO 8601 date; for a date that does not exist it returns the reason. */
function parseDate(text: string): Date | string | undefined {
  const parts = DATE_PATTERN.exec(text)?.slice(1).map((part) => Number(part ?? 0));
  if (!parts) return undefined;
  const [year, month, day, hour, minute, second, zoneHour, zoneMinute] = parts as [
    ...[number, number, number, number, number, number, number, number],
  ];
  const midnight = new Date(Date.UTC(year, month - 1, day));
  if (midnight.getUTCMonth() !== month - 1) return ": there is no such day";
  if (hour > 23 || minute > 59 || second > 59) return ": there is no such time of day";
  if (zoneHour > 14 || zoneMinute > 59) return ": there is no such time zone";
  // A day alone means its local midnight; `Date` would take it as UTC.
  return new Date(text.includes("T") ? text : `${text}T00:00`);
}

/** Suggests what was probably meant. */
function suggestion(text: string): string {
  const trimmed = text.trim().slice(0, 40);
  const candidates = [
    suggestDuration(trimmed) ?? "",
    toIsoDate(trimmed),
    trimmed.replace(/^(\d{4})[-/.]?(\d\d)[-/.]?(\d\d)$/, "$1-$2-$3"),
    trimmed.replace(/\b\d\b/g, "0$&"),
    fromEpochTime(trimmed),
    `${trimmed}s`,
  ];
  const isGood = (candidate: string) =>
    /\d[a-z]+$/.test(candidate) && parseDurationOrNone(candidate) !== undefined ||
    parseDate(candidate) instanceof Date;
  const parsed = candidates.find((candidate) => candidate !== text && isGood(candidate));
  return parsed === undefined ? didYouMean(text, ["start", "now"]) : `; did you mean ${parsed}?`;
}

/** Converts dates of other programs, such as `2026-01-31 12:00:00 UTC` and `20260131T120000+01`, to ISO 8601. */
function toIsoDate(text: string): string {
  return text.toUpperCase()
    .replace(/\s*(UTC|GMT)$/, "Z")
    .replace(/\s+([-+]\d)/, "$1")
    .replace(/\s+/, "T")
    .replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)/, "$1-$2-$3T$4:$5")
    .replace(/^(\S+T\d\d:\d\d)(\d\d)/, "$1:$2")
    .replace(/(T.*[-+]\d\d)$/, "$1:00");
}

/** The date of a Unix time in seconds or milliseconds. */
function fromEpochTime(text: string): string {
  if (!/^1\d{9}(\d{3})?$/.test(text)) return "";
  const ms = Number(text) * (text.length === 10 ? 1000 : 1);
  return new Date(ms).toISOString();
}
