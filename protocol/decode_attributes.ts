/**
 * Decodes the attributes of messages in replies.
 *
 * @module
 */

import type { MessageAttributes } from "./attributes.ts";
import { type FieldChecks, isString, parseRecord } from "./record.ts";
import { isCountIfGiven } from "./request_fields.ts";

const isStringIfGiven = (field: unknown) => field === undefined || isString(field);

const ATTRIBUTES: FieldChecks<MessageAttributes> = {
  messageId: isStringIfGiven,
  key: isStringIfGiven,
  headers: (field) => field === undefined || isHeaders(field),
  delay: isCountIfGiven,
};

/**
 * Decodes the attributes of one message. Unknown ones are left out, so that servers can grow.
 *
 * @param value as it arrived
 * @returns the attributes; `undefined` if one does not have its type
 */
export function decodeAttributes(value: unknown): MessageAttributes | undefined {
  return isRecord(value) ? parseRecord(value, ATTRIBUTES) : undefined;
}

/**
 * Decodes the attributes of the messages of a stream.
 *
 * @param value as it arrived
 * @param count the number of messages
 * @returns those of each message, `null` where it has none; `undefined` if one does not have its type
 */
export function decodeAttributeList(
  value: unknown,
  count: number,
): readonly (MessageAttributes | null)[] | undefined {
  if (!Array.isArray(value) || value.length !== count) return undefined;
  const list: (MessageAttributes | null)[] = [];
  for (const item of value) {
    const attributes = item === null ? null : decodeAttributes(item);
    if (attributes === undefined) return undefined;
    list.push(attributes);
  }
  return list;
}

/** The least size of attributes as JSON: quotes, and at least one byte for each character of their texts. */
export function minAttributeBytes(list: readonly (MessageAttributes | null)[]): number {
  let bytes = 0;
  for (const attributes of list) {
    const { messageId, key, headers } = attributes ?? {};
    if (messageId !== undefined) bytes += messageId.length + 2;
    if (key !== undefined) bytes += key.length + 2;
    for (const name in headers) bytes += name.length + headers[name]!.length + 4;
  }
  return bytes;
}

function isHeaders(value: unknown): value is Readonly<Record<string, string>> {
  if (!isRecord(value)) return false;
  for (const name in value) if (typeof value[name] !== "string") return false;
  return true;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
