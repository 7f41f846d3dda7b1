/**
 * Values that JSON holds exactly: what is read equals what was put.
 *
 * `JSON.stringify` alone changes values silently: it leaves out `undefined`, turns `NaN` into `null` and a `Map` into `{}`.
 * Each value is therefore walked once beside it. The walk takes a fifth to a half of the time of `JSON.stringify`, and 1 to 8 %
 * of that of a put (`deno task bench:values`); anything that is not plain leaves it for a slower one that says what is wrong.
 *
 * @module
 */

import { describeObject, isPlainPrototype } from "../../protocol/option_kinds.ts";
import { thrownText } from "../../protocol/text.ts";
import type { ValueIssue } from "../../protocol/error_fields.ts";
import type { Decoded, Encoded, ValueCodec } from "./value_codec.ts";

/** A value that JSON holds exactly. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | JsonValue[]
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** The text of a value, and what of it JSON cannot hold. */
export interface EncodedValue {
  /** The JSON text, with `-0` where the value has it; `undefined` if there is none. */
  readonly text: string | undefined;
  /** What the text does not hold; empty if it holds the value exactly. */
  readonly issues: readonly ValueIssue[];
}

/** This many issues are listed. */
const MAX_ISSUES = 100;

const { getPrototypeOf } = Object;

/**
 * The JSON text of a value.
 *
 * @param value any value
 * @returns the text if it holds the value exactly; `undefined` if it may not: {@linkcode encodeValue} says more
 */
export function exactText(value: unknown): string | undefined {
  try {
    // First, since it also finds circles, where a walk would not end.
    const text = JSON.stringify(value);
    return isPlain(value) ? text : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether JSON holds a value exactly. False also for what only the slower walk can tell: objects of other realms, and `-0`.
 * What is not its own enumerable property with a name is not part of a value, as for `structuredClone`: symbols, for instance.
 */
function isPlain(value: unknown): boolean {
  if (typeof value !== "object") {
    return typeof value === "string" || typeof value === "boolean" || isPlainNumber(value);
  }
  if (value === null) return true;
  if (Array.isArray(value)) {
    if (getPrototypeOf(value) !== Array.prototype || hasToJson(value)) return false;
    // By index, so that holes are seen, too.
    for (let i = 0; i < value.length; i++) if (!isPlain(value[i])) return false;
    return true;
  }
  if (getPrototypeOf(value) !== Object.prototype || hasToJson(value)) return false;
  for (const name in value) {
    const member = (value as Record<string, unknown>)[name];
    // Most members are these; a call for each would take as long as the rest of the walk.
    if (typeof member === "string" || typeof member === "boolean" || isPlainNumber(member)) {
      continue;
    }
    if (!isPlain(member)) return false;
  }
  return true;
}

/** Whether there is a `toJSON`, perhaps one that the loop over its names does not show: `JSON.stringify` calls it. */
function hasToJson(value: object): boolean {
  return (value as { readonly toJSON?: unknown }).toJSON !== undefined;
}

/** Whether it is a number other than `NaN`, the infinities and `-0`. */
function isPlainNumber(value: unknown): boolean {
  return typeof value === "number" && value - value === 0 && (value !== 0 || 1 / value > 0);
}

/**
 * The JSON text of a value, and what is wrong with it.
 *
 * @param value any value
 * @returns the text, and what it does not hold
 */
export function encodeValue(value: unknown): EncodedValue {
  const issues: ValueIssue[] = [];
  try {
    new Walk(issues).check(value);
    return { text: write(value), issues };
  } catch (error) {
    // A circle, a BigInt, too deep a value, or a `toJSON` or getter of the caller's that throws.
    if (issues.length === 0) issues.push({ path: [], message: notPlain(error) });
    return { text: undefined, issues };
  }
}

function notPlain(error: unknown): string {
  return `must be what JSON can hold, but: ${thrownText(error).split("\n", 1)[0]}`;
}

/** A walk that says what JSON does not hold of a value. */
class Walk {
  readonly #issues: ValueIssue[];
  readonly #path: (string | number)[] = [];
  /** The objects that contain what is being checked. */
  readonly #parents: object[] = [];

  constructor(issues: ValueIssue[]) {
    this.#issues = issues;
  }

  /** Checks a value. */
  check(value: unknown): void {
    if (value === null || typeof value === "string" || typeof value === "boolean") return;
    if (typeof value === "number" && Number.isFinite(value)) return;
    if (typeof value !== "object") return this.#refuse(value);
    if (this.#parents.includes(value)) return this.#refuse(value, "must not contain itself");
    if (!isPlainObject(value)) return this.#refuse(value);
    this.#parents.push(value);
    const names = Array.isArray(value) ? value.keys() : Object.keys(value);
    for (const name of names) {
      this.#path.push(name);
      this.check((value as Record<string, unknown>)[name]);
      this.#path.pop();
    }
    this.#parents.pop();
  }

  #refuse(value: unknown, message?: string): void {
    if (this.#issues.length >= MAX_ISSUES) return;
    message ??= `must be what JSON can hold, got ${inWords(value)}`;
    this.#issues.push({ path: [...this.#path], message });
  }
}

/** Whether an object is an array or a plain object, without a `toJSON`. */
function isPlainObject(value: object): boolean {
  return typeof (value as { readonly toJSON?: unknown }).toJSON !== "function" &&
    isPlainPrototype(value);
}

function inWords(value: unknown): string {
  if (value === undefined) return "undefined";
  if (typeof value === "number") return String(value);
  const kind = describeObject(value);
  // A getter of the caller's may throw; then the walk ends with that.
  return kind === "an object" || kind === "an array" ? `${kind} with a toJSON of its own` : kind;
}

/** A text with a number that is a zero, or one that has such a piece in a string. */
const ZERO = /(?:^|[:,[])0(?:[,\]}]|$)/;

/** As `JSON.stringify`, but with `-0`, which JSON has and `JSON.stringify` does not write; `undefined` if there is no text. */
function write(value: unknown): string | undefined {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined || !ZERO.test(text)) return text;
  // A text that is not there yet, not even as a name or across the end of a string, so that no other one is replaced.
  let mark = "-0";
  while (text.includes(`"${mark}"`)) mark += "0";
  const marked = JSON.stringify(value, (_, member) => Object.is(member, -0) ? mark : member);
  return (marked as string | undefined)?.replaceAll(`"${mark}"`, "-0");
}

/** Values of any form, as JSON. */
export const JSON_CODEC: ValueCodec<JsonValue, JsonValue> = {
  encode(value) {
    const text = exactText(value);
    return text === undefined ? encodedOrIssues(value) : text;
  },
  decode: decodeJson,
};

function encodedOrIssues(value: unknown): Encoded {
  const { text, issues } = encodeValue(value);
  return issues.length > 0 || text === undefined ? { issues } : text;
}

/** The value of a JSON text. */
export function decodeJson(text: string): Decoded<JsonValue> {
  try {
    return { value: JSON.parse(text) };
  } catch (cause) {
    const got = text === "" ? "an empty text" : (cause as Error).message;
    return { issues: [{ path: [], message: `must be JSON, got ${got}` }], cause };
  }
}
