/**
 * Topics and messages of dsmq 1.x that are not strings: it stored them as SQLite casts them to text.
 *
 * @module
 */

import { skipWhitespace, stringEnd, stringEquals } from "./json_text.ts";
import type { RequestFields } from "./request_fields.ts";

/** How many digits a number with a fraction keeps. */
const SIGNIFICANT_DIGITS = 15;

/** Smaller and larger powers of ten are written with an exponent. */
const [MIN_EXPONENT, MAX_EXPONENT] = [-4, SIGNIFICANT_DIGITS - 1];

const [QUOTE, COLON, OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [34, 58, 91, 93, 123, 125];

const NUMBER = /[-+.eE\d]*/y;

/**
 * Whether a request is one of dsmq 1.x, without an id, whose topic or message is not a string but can be cast to text.
 *
 * @param item the parsed request
 */
export function hasLegacyScalar(item: unknown): item is RequestFields {
  if (item === null || typeof item !== "object") return false;
  const { id, topic, message } = item as RequestFields;
  return id === undefined && (isScalar(topic) || isScalar(message));
}

/**
 * Casts a topic and a message that are numbers or booleans to text.
 *
 * @param item the request
 * @param json the text of the request, which shows how a number was written
 * @returns the same request with texts
 */
export function withScalarsAsText(item: RequestFields, json: string): RequestFields {
  const { topic, message } = item;
  return {
    ...item,
    topic: isScalar(topic) ? scalarText(topic, json, "topic") : topic,
    message: isScalar(message) ? scalarText(message, json, "message") : message,
  };
}

function isScalar(value: unknown): value is number | boolean {
  return typeof value === "number" || typeof value === "boolean";
}

function scalarText(value: number | boolean, json: string, name: string): string {
  if (typeof value === "boolean") return value ? "1" : "0";
  const written = findNumber(json, name);
  const isWhole = /^-?\d+$/.test(written);
  // A whole number stays as it is written, however large. One with a fraction, an exponent or a name is a float.
  if (isWhole) return value === 0 ? "0" : written;
  if (!Number.isFinite(value)) return value > 0 ? "Inf" : "-Inf";
  return realText(value);
}

/** A number with a fraction or an exponent as SQLite casts it to text: the format is `%!.15g`. */
function realText(value: number): string {
  if (value === 0) return "0.0";
  const [mantissa, exponent] = value.toExponential(SIGNIFICANT_DIGITS - 1).split("e");
  const exponentValue = Number(exponent);
  const sign = value < 0 ? "-" : "";
  const digits = mantissa!.replace(/[-.]/g, "").replace(/0+$/, "");
  const [whole, fraction] = exponentValue < MIN_EXPONENT || exponentValue > MAX_EXPONENT
    ? [digits[0]!, digits.slice(1)]
    : exponentValue < 0
    ? ["0", "0".repeat(-exponentValue - 1) + digits]
    : [
      digits.slice(0, exponentValue + 1).padEnd(exponentValue + 1, "0"),
      digits.slice(exponentValue + 1),
    ];
  const text = `${sign}${whole}.${fraction || "0"}`;
  if (exponentValue >= MIN_EXPONENT && exponentValue <= MAX_EXPONENT) return text;
  return `${text}e${exponentValue < 0 ? "-" : "+"}${`${Math.abs(exponentValue)}`.padStart(2, "0")}`;
}

/** The number of a field as it is written; if a name occurs twice, the last one counts. */
function findNumber(json: string, name: string): string {
  let found = json.length;
  for (let at = json.indexOf("{"), depth = 0; at < json.length; at++) {
    const unit = json.charCodeAt(at);
    if (unit === OPEN || unit === OPEN_LIST) depth++;
    else if (unit === CLOSE || unit === CLOSE_LIST) depth--;
    else if (unit === QUOTE) {
      const end = stringEnd(json, at + 1);
      const next = skipWhitespace(json, end + 1);
      const isName = depth === 1 && json.charCodeAt(next) === COLON;
      if (isName && stringEquals(json, at + 1, end, name)) found = skipWhitespace(json, next + 1);
      at = end;
    }
  }
  NUMBER.lastIndex = found;
  return NUMBER.exec(json)![0];
}
