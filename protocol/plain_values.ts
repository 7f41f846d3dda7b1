/**
 * Topics and messages of dsmq 1.x that are not strings: it stored them as SQLite makes text of them.
 *
 * @module
 */

import type { Fields } from "./fields.ts";
import { afterSpace, endOfString, says } from "./json_text.ts";

/** So many digits of a number with a fraction are kept. */
const DIGITS = 15;

/** Smaller and larger powers of ten are written with an exponent. */
const [LEAST_POWER, MOST_POWER] = [-4, DIGITS - 1];

const [QUOTE, COLON, OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [34, 58, 91, 93, 123, 125];

const NUMBER = /[-+.eE\d]*/y;

/**
 * Whether a request is one of dsmq 1.x, which has no id, and its topic or its message is no string but has a text.
 *
 * @param item the request, as JSON has it
 */
export function hasScalar(item: unknown): item is Fields {
  if (item === null || typeof item !== "object") return false;
  const { id, topic, message } = item as Fields;
  return id === undefined && (isScalar(topic) || isScalar(message));
}

/**
 * Puts texts in the place of a topic and of a message that are numbers or booleans.
 *
 * @param item the request
 * @param json the request as it came: what a number was written as, JSON does not tell
 * @returns the same request with texts
 */
export function withTexts(item: Fields, json: string): Fields {
  const { topic, message } = item;
  return {
    ...item,
    topic: isScalar(topic) ? textOf(topic, json, "topic") : topic,
    message: isScalar(message) ? textOf(message, json, "message") : message,
  };
}

function isScalar(value: unknown): value is number | boolean {
  return typeof value === "number" || typeof value === "boolean";
}

function textOf(value: number | boolean, json: string, name: string): string {
  if (typeof value === "boolean") return value ? "1" : "0";
  const written = numberIn(json, name);
  const isWhole = /^-?\d+$/.test(written);
  // A whole number stays as it is written, however large; only one with a fraction, an exponent or a name is a float.
  if (isWhole) return value === 0 ? "0" : written;
  if (!Number.isFinite(value)) return value > 0 ? "Inf" : "-Inf";
  return realText(value);
}

/** A number with a fraction or an exponent as SQLite casts it to text: the format is `%!.15g`. */
function realText(value: number): string {
  if (value === 0) return "0.0";
  const [mantissa, exponent] = value.toExponential(DIGITS - 1).split("e");
  const power = Number(exponent);
  const sign = value < 0 ? "-" : "";
  const digits = mantissa!.replace(/[-.]/g, "").replace(/0+$/, "");
  const [whole, fraction] = power < LEAST_POWER || power > MOST_POWER
    ? [digits[0]!, digits.slice(1)]
    : power < 0
    ? ["0", "0".repeat(-power - 1) + digits]
    : [digits.slice(0, power + 1).padEnd(power + 1, "0"), digits.slice(power + 1)];
  const text = `${sign}${whole}.${fraction || "0"}`;
  if (power >= LEAST_POWER && power <= MOST_POWER) return text;
  return `${text}e${power < 0 ? "-" : "+"}${`${Math.abs(power)}`.padStart(2, "0")}`;
}

/** The number that a field of an object has, as it is written: where a name comes twice, the last one counts. */
function numberIn(json: string, name: string): string {
  let found = json.length;
  for (let at = json.indexOf("{"), depth = 0; at < json.length; at++) {
    const unit = json.charCodeAt(at);
    if (unit === OPEN || unit === OPEN_LIST) depth++;
    else if (unit === CLOSE || unit === CLOSE_LIST) depth--;
    else if (unit === QUOTE) {
      const end = endOfString(json, at + 1);
      const next = afterSpace(json, end + 1);
      const isName = depth === 1 && json.charCodeAt(next) === COLON;
      if (isName && says(json, at + 1, end, name)) found = afterSpace(json, next + 1);
      at = end;
    }
  }
  NUMBER.lastIndex = found;
  return NUMBER.exec(json)![0];
}
