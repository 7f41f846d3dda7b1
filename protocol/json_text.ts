/**
 * Helpers that read JSON text character by character, without parsing it.
 *
 * @module
 */

const [QUOTE, BACKSLASH, ZERO, NINE, LOWER_U] = [34, 92, 48, 57, 117];
const [MINUS, UPPER_I, UPPER_N] = [45, 73, 78];

/**
 * Skips white space of JSON.
 *
 * @param text a text of JSON
 * @param at where to begin
 * @returns the first position that is not white space; the length of the text if there is none
 */
export function skipWhitespace(text: string, at: number): number {
  for (; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit !== 32 && unit !== 10 && unit !== 13 && unit !== 9) break;
  }
  return at;
}

/** This many characters of a string are read one by one before it is searched: most strings are shorter. */
const SHORT_STRING = 32;

/**
 * Finds the end of a string, in time that grows with its length alone.
 *
 * @param text a text of JSON
 * @param begin the position after its first quote
 * @returns the position of its last quote; below 0 if there is none
 */
export function stringEnd(text: string, begin: number): number {
  for (let at = begin;;) {
    for (const end = Math.min(text.length, at + SHORT_STRING); at < end; at++) {
      const unit = text.charCodeAt(at);
      if (unit === QUOTE) return at;
      if (unit === BACKSLASH) at++;
    }
    const quote = text.indexOf('"', at);
    if (quote < 0) return -1;
    let backslashes = 0;
    while (quote - backslashes > at && text.charCodeAt(quote - backslashes - 1) === BACKSLASH) {
      backslashes++;
    }
    if (backslashes % 2 === 0) return quote;
    at = quote + 1;
  }
}

/**
 * Whether a string equals a word of ASCII letters, escaped or not.
 *
 * @param text a text of JSON
 * @param begin the position after its first quote
 * @param end the position of its last quote
 * @param word the word
 */
export function stringEquals(text: string, begin: number, end: number, word: string): boolean {
  // Escaped, a letter takes six characters.
  if (end - begin < word.length || end - begin > 6 * word.length) return false;
  let at = begin;
  for (let i = 0; i < word.length; i++) {
    const unit = word.charCodeAt(i);
    if (text.charCodeAt(at) === unit) at++;
    else if (isEscapeOf(text, at, unit)) at += 6;
    else return false;
  }
  return at === end;
}

/** What Python's `json` writes for floats that JSON does not have, and what `JSON.parse` reads as the same. */
const PYTHON_TOKENS: readonly (readonly [token: string, json: string])[] = [
  ["NaN", " null "],
  ["Infinity", " 1e999 "],
  ["-Infinity", " -1e999 "],
];

/**
 * Reads what Python writes as JSON: `NaN` as `null`, and `Infinity` as a number that is too large.
 *
 * @param text the text
 * @returns the text with these replaced, which is JSON if nothing else is wrong; the same text if there are none
 */
export function toStrictJson(text: string): string {
  if (!text.includes("NaN") && !text.includes("Infinity")) return text;
  let strict = "";
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) {
      at = stringEnd(text, at + 1);
      if (at < 0) return text;
    } else if (unit === UPPER_N || unit === UPPER_I || unit === MINUS) {
      const found = PYTHON_TOKENS.find(([token]) => text.startsWith(token, at));
      if (!found) continue;
      // With white space around it, it is a value and not part of a number.
      strict += text.slice(from, at) + found[1];
      from = at + found[0].length;
      at = from - 1;
    }
  }
  return from === 0 ? text : strict + text.slice(from);
}

/** Whether `\\u` and four digits at a position stand for an ASCII character. */
function isEscapeOf(text: string, at: number, unit: number): boolean {
  return text.charCodeAt(at) === BACKSLASH && text.charCodeAt(at + 1) === LOWER_U &&
    text.charCodeAt(at + 2) === ZERO && text.charCodeAt(at + 3) === ZERO &&
    hexDigitAt(text, at + 4) * 16 + hexDigitAt(text, at + 5) === unit;
}

/** The hexadecimal digit at a position. */
function hexDigitAt(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  // With this bit set, a letter is in lower case.
  return unit <= NINE ? unit - ZERO : (unit | 32) - 87;
}
