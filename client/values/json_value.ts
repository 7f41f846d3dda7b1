/**
 * Values that JSON holds exactly: what is read equals what was put.
 *
 * `JSON.stringify` alone changes values silently: it leaves out `undefined`, turns `NaN` into `null` and a `Map` into `{}`.
 * Each value is therefore walked once beside it. The walk takes a fifth to a half of the time of `JSON.stringify`, and 1 to 8 %
 * of that of a put (`deno task bench:values`); anything that is not plain leaves it for a slower one that says what is wrong.
 *
 * @module
 */

import { describeKind } from "../../protocol/option_kinds.ts";
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
  /** The JSON text; `undefined` if there is none. */
  readonly text: string | undefined;
  /** What the text does not hold; empty if it holds the value exactly. */
  readonly issues: readonly ValueIssue[];
}

/** This many issues are listed. */
const MAX_ISSUES = 100;

const NO_ISSUES: readonly ValueIssue[] = [];
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
  const walk = new Walk(issues);
  try {
    const isExact = walk.check(value);
    if (isExact && walk.hasNegativeZero) return { text: write(value), issues: NO_ISSUES };
    return { text: JSON.stringify(value), issues };
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
  hasNegativeZero = false;
  readonly #issues: ValueIssue[];
  readonly #path: (string | number)[] = [];
  /** The objects that contain what is being checked. */
  readonly #parents: object[] = [];

  constructor(issues: ValueIssue[]) {
    this.#issues = issues;
  }

  /** Checks a value; returns whether JSON holds it exactly. */
  check(value: unknown): boolean {
    if (Object.is(value, -0)) this.hasNegativeZero = true;
    if (value === null || typeof value === "string" || typeof value === "boolean") return true;
    if (typeof value === "number" && Number.isFinite(value)) return true;
    if (typeof value !== "object") return this.#refuse(value);
    if (this.#parents.includes(value)) {
      return this.#refuse(value, "must not contain itself");
    }
    if (!isPlainObject(value)) return this.#refuse(value);
    this.#parents.push(value);
    let isExact = true;
    const names = Array.isArray(value) ? value.keys() : Object.keys(value);
    for (const name of names) {
      this.#path.push(name);
      if (!this.check((value as Record<string, unknown>)[name])) isExact = false;
      this.#path.pop();
    }
    this.#parents.pop();
    return isExact;
  }

  #refuse(value: unknown, message?: string): false {
    if (this.#issues.length < MAX_ISSUES) {
      message ??= `must be what JSON can hold, got ${inWords(value)}`;
      this.#issues.push({ path: [...this.#path], message });
    }
    return false;
  }
}

/** Whether an object is an array or a plain object, without a `toJSON`. */
function isPlainObject(value: object): boolean {
  return typeof (value as { readonly toJSON?: unknown }).toJSON !== "function" &&
    isPlainPrototype(value);
}

/** Whether an object has the prototype of arrays, or of plain objects, also of another realm. */
function isPlainPrototype(value: object): boolean {
  const prototype: unknown = getPrototypeOf(value);
  // The prototype of all arrays is an array itself, that of a subclass is not.
  if (Array.isArray(value)) return Array.isArray(prototype);
  return prototype === null ||
    (getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, "isPrototypeOf"));
}

function inWords(value: unknown): string {
  if (value === undefined) return "undefined";
  if (typeof value === "number") return String(value);
  const kind = describeKind(value);
  if (kind !== "an object" && kind !== "an array") return kind;
  if (isPlainPrototype(value as object)) return `${kind} with a toJSON of its own`;
  // A getter of the caller's may throw; then the walk ends with that.
  const { name } = Object(getPrototypeOf(value).constructor);
  return typeof name === "string" && name !== "" && name !== "Object"
    ? `${kind} of the class ${name.slice(0, 64)}`
    : `${kind} with a prototype of its own`;
}

/** As `JSON.stringify` of a value that JSON holds exactly, but with `-0`, which JSON has and `JSON.stringify` does not write. */
function write(value: unknown): string {
  if (Object.is(value, -0)) return "-0";
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(write).join()}]`;
  const members = Object.entries(value).map(([name, member]) =>
    `${JSON.stringify(name)}:${write(member)}`
  );
  return `{${members.join()}}`;
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
