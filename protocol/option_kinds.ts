/**
 * Checks that a value is meant as options. Without this another object, such as a promise that was not awaited, would
 * count as no options at all.
 *
 * @module
 */

import { kindOf } from "./text.ts";

/**
 * Whether a value can be options: a plain object, or one of a class that has some of them; not a list, date, map or promise.
 *
 * @param value what the caller gave
 * @param names the names of the options
 */
export function isOptions(value: unknown, names: readonly string[]): value is object {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return false;
  if (isPromise(value)) return false;
  return tagOf(value) === "Object" || names.some((name) => name in value);
}

/**
 * Whether a value is an `AbortSignal`, or works like one, such as that of another realm or of a library.
 *
 * @param value what the caller gave
 */
export function isAbortSignal(value: unknown): value is AbortSignal {
  if (value instanceof AbortSignal) return true;
  const { aborted, addEventListener, removeEventListener, throwIfAborted } = Object(value);
  const methods = [addEventListener, removeEventListener, throwIfAborted];
  // Without a reason, an aborted subscription would look like one that ended.
  return typeof aborted === "boolean" && "reason" in Object(value) &&
    methods.every((method) => typeof method === "function");
}

/**
 * Names the kind of a value that was given as options, for an error. The value may be a secret and is not shown.
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

/**
 * Whether an object has the prototype of arrays, or of plain objects, also of another realm, or none. Only such an object is
 * no more than its own members: what one of a class has may be inherited.
 *
 * @param value the object
 */
export function isPlainPrototype(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  // The prototype of all arrays is an array itself, that of a subclass is not.
  if (Array.isArray(value)) return Array.isArray(prototype);
  return prototype === null ||
    (Object.getPrototypeOf(prototype) === null &&
      Object.hasOwn(prototype as object, "isPrototypeOf"));
}

/**
 * As {@linkcode describeKind}, but an object that is not plain is named by its class.
 *
 * @param value what the caller gave
 * @returns such as `"an object of the class Money"`, `"an object with a prototype of its own"`
 */
export function describeObject(value: unknown): string {
  const kind = describeKind(value);
  if (kind !== "an object" && kind !== "an array") return kind;
  if (isPlainPrototype(value as object)) return kind;
  const { name } = Object(Object.getPrototypeOf(value).constructor);
  return typeof name === "string" && name !== "" && name !== "Object"
    ? `${kind} of the class ${name.slice(0, 64)}`
    : `${kind} with a prototype of its own`;
}

function isPromise(value: unknown): boolean {
  return typeof Object(value).then === "function";
}

/** The kind of a built-in object; `Object` for all others. */
function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}
