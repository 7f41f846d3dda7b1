/**
 * What a reader would get of a value that JSON changes, beside what its putter has: where they differ.
 *
 * @module
 */

import type { ValueIssue } from "../../protocol/error_fields.ts";
import { describeObject, isPlainPrototype } from "../../protocol/option_kinds.ts";

type Path = readonly PropertyKey[];

/** This many differences are listed. */
const MAX_DIFFERENCES = 100;

/**
 * What of a value its readers cannot get, since the schema refuses its text.
 *
 * @param refused what the schema says of the text
 * @param changed what JSON changes of the value
 * @returns those changes that the schema refuses; all of them if it does not say
 */
export function whatIsUnread(
  refused: readonly ValueIssue[],
  changed: readonly ValueIssue[],
): readonly ValueIssue[] {
  const unread = changed.filter((change) =>
    refused.some(({ path }) => beginsWith(path, change.path) || beginsWith(change.path, path))
  );
  return unread.length === 0 ? changed : unread;
}

/**
 * Compares two outputs of one schema. Members that are `undefined` count as absent; objects of a class are the same if they
 * say so by what JSON makes of them (`Date`, `URL`, `Temporal`); of any others that is unknown.
 *
 * @param read that of the text
 * @param put that of the value
 * @param changed what JSON changes of the value
 * @returns where they differ: by what JSON changes there, if it does; empty if they are the same
 */
export function whatDiffers(
  read: unknown,
  put: unknown,
  changed: readonly ValueIssue[],
): readonly ValueIssue[] {
  const differences: ValueIssue[] = [];
  compare(read, put, [], differences);
  return differences.map((found) =>
    changed.find(({ path }) => path.length === found.path.length && beginsWith(path, found.path)) ??
      found
  );
}

function beginsWith(path: Path, start: Path): boolean {
  return start.every((key, i) => path[i] === key);
}

function compare(read: unknown, put: unknown, path: PropertyKey[], found: ValueIssue[]): void {
  if (found.length === MAX_DIFFERENCES || Object.is(read, put)) return;
  const refuse = (message: string) => void found.push({ path: [...path], message });
  if (!isObject(read) || !isObject(put) || Array.isArray(read) !== Array.isArray(put)) {
    return refuse(differently(read, put));
  }
  // JSON holds plain objects whatever their realm, and without a prototype.
  const isPlain = isPlainPrototype(read) && isPlainPrototype(put);
  if (!isPlain && Object.getPrototypeOf(read) !== Object.getPrototypeOf(put)) {
    return refuse(differently(read, put));
  }
  if (Array.isArray(read)) {
    if (read.length !== (put as unknown[]).length) return refuse(differently(read, put));
  } else if (typeof (read as { readonly toJSON?: unknown }).toJSON === "function") {
    if (JSON.stringify(read) !== JSON.stringify(put)) refuse(differently(read, put));
    return;
  } else if (!isPlain) {
    return refuse(`may read back differently: ${describeObject(put)} cannot be compared`);
  }
  const [ours, theirs] = [read, put] as unknown as readonly Record<PropertyKey, unknown>[];
  const names = Array.isArray(read)
    ? read.keys()
    : [...Object.keys(read), ...Object.keys(put).filter((name) => !Object.hasOwn(read, name))];
  for (const name of names) {
    path.push(name);
    compare(ours![name], theirs![name], path, found);
    path.pop();
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function differently(read: unknown, put: unknown): string {
  const [got, had] = [describeObject(read), describeObject(put)];
  return got === had
    ? "reads back differently"
    : `reads back differently, as ${got} instead of ${had}`;
}
