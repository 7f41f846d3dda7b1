/**
 * What callers give as options: whether it can be meant as such. Without this an object of another kind, such as a
 * promise that nobody awaited, would count as no options at all.
 *
 * @module
 */

import { kindOf } from "./text.ts";

/**
 * Whether a value can be options: an object of its own, or of a class that has some of them; no list, date, map or promise.
 *
 * @param value what the caller gave
 * @param names the options that there are
 */
export function isOptions(value: unknown, names: readonly string[]): value is object {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return false;
  if (isPromise(value)) return false;
  return tagOf(value) === "Object" || names.some((name) => name in value);
}

/**
 * Whether a value is an `AbortSignal`, or serves as one: that of another realm, or of a library.
 *
 * @param value what the caller gave
 */
export function isAbortSignal(value: unknown): value is AbortSignal {
  if (value instanceof AbortSignal) return true;
  const { aborted, addEventListener, removeEventListener, throwIfAborted } = Object(value);
  const methods = [addEventListener, removeEventListener, throwIfAborted];
  // Without a reason the end of a subscription would look as if nothing had happened.
  return typeof aborted === "boolean" && "reason" in Object(value) &&
    methods.every((method) => typeof method === "function");
}

/**
 * Names the kind of what is given in the place of options, for an error message; it may be a secret, and is not shown.
 *
 * @param value what the caller gave
 * @returns such as `"a promise"`, `"a Date"`, `"an array"`, `"a function"`
 */
export function describeKind(value: unknown): string {
  const kind = kindOf(value);
  if (kind !== "an object") return kind;
  if (isPromise(value)) return "a promise";
  const tag = tagOf(value);
  if (tag === "Object") return kind;
  return `${/^[AEIO]/.test(tag) ? "an" : "a"} ${tag}`;
}

function isPromise(value: unknown): boolean {
  return typeof Object(value).then === "function";
}

/** The kind of an object: `Object` for those of no kind that the language knows. */
function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}
