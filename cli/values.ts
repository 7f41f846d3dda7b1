/**
 * Parses values of the command line: numbers, durations, words, topics, paths.
 *
 * @module
 */

import { LIMITS } from "../protocol/limits.ts";
import { quoted, topicProblem } from "../protocol/text.ts";
import { UsageError } from "./command.ts";
import { didYouMean } from "./did_you_mean.ts";

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const DURATION = /^(\d+)(?:\.(\d+))?(ms|s|m|h|d)?$/;

/** A range of whole numbers, both ends included. */
export interface NumberRange {
  readonly min: number;
  readonly max: number;
}

/** The ports to connect to. */
export const PORT_RANGE: NumberRange = { min: 1, max: 65535 };

/**
 * Parses a whole number.
 *
 * @param name its name for errors, such as `--port`
 * @param text its digits
 * @param range the allowed range
 * @returns the number
 * @throws {UsageError} if it contains anything but digits, or is out of range
 */
export function parseWholeNumber(name: string, text: string, { min, max }: NumberRange): number {
  const upperBound = Math.min(max, Number.MAX_SAFE_INTEGER);
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  if (number >= min && number <= upperBound) return number;
  throw usageError(name, `a whole number from ${min} to ${upperBound}`, text);
}

/**
 * Parses a duration.
 *
 * @param name its name for errors, such as `--timeout`
 * @param text a number of seconds, or a number with one of the units `ms s m h d`
 * @param range the allowed range, in milliseconds
 * @returns whole milliseconds
 * @throws {UsageError} if it is neither, or out of range
 */
export function parseDuration(name: string, text: string, { min, max }: NumberRange): number {
  const ms = parseDurationOrNone(text);
  if (ms !== undefined && ms >= min && ms <= max) return ms;
  const range = `from ${formatDuration(min)} to ${formatDuration(max)}`;
  const suggestion = suggestDuration(text);
  const isValid = suggestion !== undefined && suggestion !== text &&
    parseDurationOrNone(suggestion)! <= max;
  const hint = isValid
    ? `; did you mean ${suggestion}?`
    : DURATION.test(text) && ms === undefined
    ? "; it must be whole milliseconds"
    : "";
  throw usageError(name, `a duration such as 600, 90s, 10m or 2h, ${range}`, text, hint);
}

/** A duration in whole milliseconds, if the text is one. */
export function parseDurationOrNone(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (!match) return undefined;
  const [, whole, fraction = "", unit = "s"] = match;
  // In decimal: 1.1 * 1000 is not 1100.
  const scaled = BigInt(whole + fraction) * BigInt(DURATION_UNITS[unit]!);
  const scale = 10n ** BigInt(fraction.length);
  return scaled % scale === 0n ? Number(scaled / scale) : undefined;
}

/**
 * Suggests the duration that was probably meant.
 *
 * @param text such as `10 minutes` or `1h30m`
 * @returns such as `10m` or `90m`, if the text looks like a duration
 */
export function suggestDuration(text: string): string | undefined {
  const trimmed = text.trim().slice(0, 40);
  const longForm = /^[-+]?(\d+)\s*(ms|s|m|h|d)(ec|econd|in|inute|our|r|ay)?s?(\s+ago)?$/i.exec(
    trimmed,
  );
  if (longForm) return `${longForm[1]}${longForm[2]!.toLowerCase()}`;
  const parts = trimmed.match(/\d+(?:ms|s|m|h|d)/g) ?? [];
  if (parts.length < 2 || parts.join("") !== trimmed) return undefined;
  const ms = parts.reduce((sum, part) => sum + parseDurationOrNone(part)!, 0);
  return Number.isSafeInteger(ms) ? formatDuration(ms) : undefined;
}

/** A duration in the largest unit of which it is a whole number. */
function formatDuration(ms: number): string {
  const [unit, size] = Object.entries(DURATION_UNITS).findLast(([, size]) => ms % size === 0)!;
  return ms === 0 ? "0" : `${ms / size}${unit}`;
}

/**
 * Parses one of several words.
 *
 * @param name its name for errors, such as `--on-gap`
 * @param text the word
 * @param words the allowed words
 * @returns the word
 * @throws {UsageError} if it is none of them
 */
export function parseWord<Word extends string>(
  name: string,
  text: string,
  words: readonly Word[],
): Word {
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  const all = `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
  throw usageError(name, all, text, didYouMean(text, words));
}

/**
 * Checks a topic. Only the server knows its limit for the length; here it is the largest that a server can have.
 *
 * @param text the topic
 * @returns the same
 * @throws {UsageError} if it is invalid
 */
export function parseTopic(text: string): string {
  const problem = topicProblem(text, LIMITS.topicBytes.max);
  if (problem !== undefined) throw new UsageError(`${problem}, got ${quoted(text)}`);
  return text;
}

/**
 * Turns errors of the library about its options into usage errors of the command.
 *
 * @param check may throw a `TypeError` or a `RangeError`
 * @returns what it returns
 * @throws {UsageError} in their place
 */
export function withUsageErrors<Value>(check: () => Value): Value {
  try {
    return check();
  } catch (error) {
    const isArgumentError = error instanceof TypeError || error instanceof RangeError;
    throw isArgumentError ? new UsageError(error.message, { cause: error }) : error;
  }
}

/**
 * Checks the path of a file.
 *
 * @param name its name for errors, such as `--key`
 * @param text the path
 * @returns the same
 * @throws {UsageError} if it has several lines: then it is the content of the file, which must not be shown
 */
export function parseFilePath(name: string, text: string): string {
  if (!/[\r\n\0]/.test(text)) return text;
  throw new UsageError(`${name} must be the path of a file, got several lines`);
}

function usageError(name: string, expected: string, text: string, hint: string = ""): UsageError {
  return new UsageError(`${name} must be ${expected}, got ${quoted(text)}${hint}`);
}
