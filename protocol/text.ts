/**
 * Text: valid topics, sizes on the wire, order, and how text of others is shown.
 *
 * @module
 */

/**
 * The length of a well-formed text in bytes of UTF-8, without encoding it.
 *
 * A JSON encoding is always well-formed: `JSON.stringify` escapes lone surrogates.
 *
 * @param text the text to measure
 * @returns the number of bytes
 */
export function utf8Length(text: string): number {
  return text.length < SHORT_TEXT ? shortLength(text) : longLength(text);
}

/** Up to this length a loop is about as fast as a call into the runtime, and faster for text that is not ASCII. */
const SHORT_TEXT = 128;

function shortLength(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit <= 0x7f) continue;
    bytes += unit <= 0x7ff ? 1 : 2;
    // A surrogate pair is two units and four bytes: two were added for its first unit, none for its second.
    if ((unit & 0xfc00) === 0xd800) i++;
  }
  return bytes;
}

const encoder = new TextEncoder();
const scratch = new Uint8Array(16 * 1024);

function longLength(text: string): number {
  let bytes = 0;
  for (let rest = text; rest !== "";) {
    const { read, written } = encoder.encodeInto(rest, scratch);
    bytes += written;
    rest = rest.slice(read);
  }
  return bytes;
}

/** The beginning of a text is checked first: text that is not ASCII mostly shows it there. */
const ASCII_PROBE = 256;

// deno-lint-ignore no-control-regex -- they are ASCII as well
const NON_ASCII = /[^\x00-\x7f]/;

/** Whether a text is all ASCII. */
export function isAscii(text: string): boolean {
  if (NON_ASCII.test(text.slice(0, ASCII_PROBE))) return false;
  for (let rest = text.slice(ASCII_PROBE); rest !== "";) {
    const { read, written } = encoder.encodeInto(rest, scratch);
    if (written > read) return false;
    rest = rest.slice(read);
  }
  return true;
}

/**
 * Compares texts by their code points, as UTF-8 sorts them and UTF-16 does not.
 *
 * @param a a text
 * @param b another
 * @returns below 0 if the first comes before the other, above 0 if after, else 0
 */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [left, right] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (left === right) continue;
    const areHigh = left >= 0xd800 && right >= 0xd800;
    return areHigh ? utf8Rank(left) - utf8Rank(right) : left - right;
  }
  return a.length - b.length;
}

/** Makes surrogates sort behind all other units. */
function utf8Rank(unit: number): number {
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

// deno-lint-ignore no-control-regex -- it looks for control characters
const TOPIC_CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** A topic with this many times more characters than bytes allowed is not looked at further. */
const MAX_OVERLENGTH = 16;

/**
 * Says why a value is not a valid topic.
 *
 * @param topic the value
 * @param limit the longest topic, in bytes of UTF-8
 * @returns the reason; `undefined` if it is valid
 */
export function topicProblem(topic: unknown, limit: number): string | undefined {
  return topic === "" ? "a topic has at least one character" : nameProblem("topic", topic, limit);
}

/**
 * Says why a value cannot be the beginning of topics. All topics begin with the empty text.
 *
 * @param prefix the value
 * @param limit the longest topic, in bytes of UTF-8
 * @returns the reason; `undefined` if it is valid
 */
export function prefixProblem(prefix: unknown, limit: number): string | undefined {
  return nameProblem("prefix", prefix, limit);
}

/**
 * Says why a value cannot be the name of a group of workers.
 *
 * @param group the value
 * @param limit the longest name, in bytes of UTF-8
 * @returns the reason; `undefined` if it is valid
 */
export function groupProblem(group: unknown, limit: number): string | undefined {
  return group === "" ? "a group has at least one character" : nameProblem("group", group, limit);
}

function nameProblem(kind: string, name: unknown, limit: number): string | undefined {
  if (typeof name !== "string") return `a ${kind} is a string, got ${kindOf(name)}`;
  // One that is far too long is not looked at.
  if (name.length > MAX_OVERLENGTH * limit) {
    return `the ${kind} has ${name.length} characters, the limit is ${limit} bytes`;
  }
  if (TOPIC_CONTROL.test(name)) return `a ${kind} has no control characters`;
  if (!name.isWellFormed()) return `a ${kind} has no lone surrogates`;
  const bytes = utf8Length(name);
  return bytes > limit ? `the ${kind} is ${bytes} bytes, the limit is ${limit}` : undefined;
}

/**
 * Names the kind of a value, for an error message.
 *
 * @param value what was given
 * @returns such as `"null"`, `"an array"`, `"a number"`, `"nothing"`
 */
export function kindOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/**
 * Shows a value in an error message, shortened.
 *
 * @param value what was given
 * @returns such as `-1`, `"middle"`, `null`, `an array`
 */
export function formatValue(value: unknown): string {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return typeof value === "string" ? quoted(value) : kindOf(value);
}

/**
 * What somebody else's code threw, or rejected with, as text: anything can be thrown, also what has no text.
 *
 * @param thrown what was thrown
 * @returns the message of an error, else the text of the value
 */
export function thrownText(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    // Only of these; and a revoked proxy does not even say whether it is an array.
    return typeof thrown === "function" ? "a function" : "an object";
  }
}

/**
 * Quotes the beginning of a text for a log or an error message, with control characters escaped.
 *
 * @param text what was given
 * @returns at most its first 64 characters, in quotes
 */
export function quoted(text: string): string {
  return escapeControls(JSON.stringify(text.slice(0, 64)));
}

/**
 * Control characters (line ends among them), characters that change the direction of writing, and halves of surrogate
 * pairs.
 */
const TERMINAL_CONTROLS =
  // deno-lint-ignore no-control-regex -- it looks for control characters
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\p{Surrogate}/gu;

/**
 * Escapes a text of the other end for one line of a terminal or a log: each character that would have an effect there, or
 * make the text look like another, is written as in JSON, such as `\u001b`.
 *
 * @param text what is shown
 * @param allowed characters that stay as they are
 * @returns the same text, if there is nothing to escape
 */
export function escapeControls(text: string, allowed: string = ""): string {
  return text.replace(
    TERMINAL_CONTROLS,
    (unit) =>
      allowed.includes(unit) ? unit : `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
