/**
 * Records in replies: objects that have known fields, each of its type.
 *
 * @module
 */

import { isBoundedText } from "./request_fields.ts";

/** What says of each field whether it is valid. One that may be absent is valid if it is `undefined`. */
export type FieldChecks<T> = { readonly [Name in keyof T]-?: (field: unknown) => boolean };

/**
 * Takes the known fields of a record: others are left out, so that servers can grow.
 *
 * @param value what the other end has sent
 * @param checks the known fields
 * @returns those that are there; `undefined` if one is not valid
 */
export function parseRecord<T extends object>(
  value: unknown,
  checks: FieldChecks<T>,
): T | undefined {
  const given = Object(value) as T;
  const known: Partial<T> = {};
  for (const name in checks) {
    const field = given[name];
    if (!checks[name](field)) return undefined;
    if (field !== undefined) known[name] = field;
  }
  return known as T;
}

/** The same of each record of a list; `undefined` if one is not valid. */
export function parseRecords<T extends object>(
  values: readonly unknown[],
  checks: FieldChecks<T>,
): T[] | undefined {
  const records = values.map((value) => parseRecord(value, checks));
  return records.includes(undefined) ? undefined : records as T[];
}

/** Whether a value is text. */
export function isString(value: unknown): value is string {
  return typeof value === "string";
}

/** Whether a value is text of reasonable length. */
export function isText(value: unknown): value is string {
  return value !== undefined && isBoundedText(value);
}
