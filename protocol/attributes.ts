/**
 * The attributes of a message: what its putter says of it besides the body.
 *
 * They are stored and delivered as JSON text, always in the same form: the known fields alone, in one order. So the text of
 * those with a `messageId` begins with it.
 *
 * @module
 */

import { describeObject, isOptions, isPlainPrototype } from "./option_kinds.ts";
import { formatValue, kindOf, quoted, utf8Length } from "./text.ts";

/** What a message carries besides its body. */
export interface MessageAttributes {
  /**
   * Names the message: while a message with this id is retained in the topic, a put of the same identity with the same id is
   * not stored again, and has its sequence number. 1 to 256 bytes of UTF-8.
   */
  readonly messageId?: string;
  /** Which messages belong together, for groups of workers. 1 to 256 bytes of UTF-8. */
  readonly key?: string;
  /**
   * What programs agree on, such as `traceparent` or `content-type`: a plain object of at most 64 names, each 1 to 128 bytes
   * of UTF-8.
   */
  readonly headers?: Readonly<Record<string, string>>;
  /** After how many milliseconds groups of workers get it: 0 to 2,592,000,000 (30 days). Readers get it at once. */
  readonly delay?: number;
}

/** The names of the attributes, in their order. */
export const ATTRIBUTE_NAMES = [
  "messageId",
  "key",
  "headers",
  "delay",
] as const satisfies (keyof MessageAttributes)[];

/** What the attributes of a message may be: sizes in bytes of UTF-8, `delay` in milliseconds, `json` all together. */
export const ATTRIBUTE_LIMITS = {
  json: 16 * 1024,
  messageId: 256,
  key: 256,
  headers: 64,
  headerName: 128,
  delay: 30 * 24 * 3600 * 1000,
} as const;

/** The attributes of all messages of a request have at most this many fields, those of `headers` included. */
export const MAX_ATTRIBUTE_FIELDS = 4096;

/** Attributes as they are stored and delivered. */
export interface EncodedAttributes {
  /** Their JSON encoding. */
  readonly json: string;
  /** The length of `json` in bytes of UTF-8. */
  readonly bytes: number;
  /** How many fields they have, those of `headers` included. */
  readonly fields: number;
}

/** Why attributes are invalid. */
export class AttributesError extends Error {
  /** A value has the wrong type; else it is out of range. */
  readonly isType: boolean;

  /** Takes what must be, and what was seen. */
  constructor(message: string, isType: boolean) {
    super(message);
    this.isType = isType;
  }
}

/**
 * Checks attributes and encodes them. Other fields are ignored.
 *
 * @param attributes what was given: an object; its values are read once
 * @returns their encoding; `undefined` if there are none
 * @throws {AttributesError} if they are invalid
 */
export function encodeAttributes(attributes: object): EncodedAttributes | undefined {
  const { messageId, key, headers, delay } = attributes as Record<string, unknown>;
  if (
    messageId === undefined && key === undefined && headers === undefined && delay === undefined
  ) return undefined;
  if (messageId !== undefined) requireName("messageId", messageId, ATTRIBUTE_LIMITS.messageId);
  if (key !== undefined) requireName("key", key, ATTRIBUTE_LIMITS.key);
  const copied = headers === undefined ? undefined : copyHeaders(headers);
  if (delay !== undefined) requireDelay(delay);
  const json = JSON.stringify({ messageId, key, headers: copied, delay });
  const bytes = utf8Length(json);
  const limit = ATTRIBUTE_LIMITS.json;
  if (bytes > limit) {
    throw new AttributesError(
      `attributes must be at most ${limit} bytes as JSON, got ${bytes}`,
      false,
    );
  }
  const own = [messageId, key, headers, delay].filter((value) => value !== undefined).length;
  return { json, bytes, fields: own + (copied ? Object.keys(copied).length : 0) };
}

/** How the text of attributes begins that have a `messageId`. */
const ID_START = '{"messageId":';

/**
 * Whether there is a `messageId` in the encoding of attributes.
 *
 * @param json the encoding
 */
export function hasMessageId(json: string): boolean {
  return json.startsWith(ID_START);
}

/**
 * The `messageId` in the encoding of attributes.
 *
 * @param json the encoding
 * @returns the JSON encoding of the `messageId`, which is well-formed text; `undefined` if there is none
 */
export function encodedMessageId(json: string): string | undefined {
  if (!hasMessageId(json)) return undefined;
  const start = ID_START.length;
  for (let end = start;;) {
    end = json.indexOf('"', end + 1);
    let escapes = 0;
    while (json[end - 1 - escapes] === "\\") escapes++;
    if (escapes % 2 === 0) return json.slice(start, end + 1);
  }
}

function requireName(name: string, value: unknown, limit: number): void {
  if (typeof value !== "string") {
    throw new AttributesError(`${name} must be a string, got ${kindOf(value)}`, true);
  }
  if (value === "") throw new AttributesError(`${name} must have at least one character`, false);
  const bytes = exceeds(value, limit);
  if (bytes) {
    throw new AttributesError(`${name} must be at most ${limit} bytes, got ${bytes}`, false);
  }
}

function requireDelay(delay: unknown): void {
  const { delay: max } = ATTRIBUTE_LIMITS;
  if (Number.isSafeInteger(delay) && (delay as number) >= 0 && (delay as number) <= max) return;
  throw new AttributesError(
    `delay must be whole milliseconds from 0 to ${max}, got ${formatValue(delay)}`,
    typeof delay !== "number",
  );
}

// deno-lint-ignore no-control-regex -- it looks for control characters
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Copies headers, so that nobody can change them any more; names such as `__proto__` are names like any other. */
function copyHeaders(headers: unknown): Record<string, string> {
  // What is inherited, such as the getters of a class, would be lost silently.
  if (!isOptions(headers, []) || !isPlainPrototype(headers)) {
    const got = headers !== null && typeof headers === "object"
      ? describeObject(headers)
      : formatValue(headers);
    throw new AttributesError(`headers must be an object of strings, got ${got}`, true);
  }
  const entries: [string, unknown][] = Object.entries(headers);
  const { headers: max, headerName } = ATTRIBUTE_LIMITS;
  if (entries.length > max) {
    throw new AttributesError(
      `headers must have at most ${max} names, got ${entries.length}`,
      false,
    );
  }
  for (const [name, value] of entries) {
    if (name === "") {
      throw new AttributesError("headers must have no empty name", false);
    }
    const bytes = exceeds(name, headerName);
    if (bytes) {
      throw new AttributesError(
        `headers must have names of at most ${headerName} bytes, got ${bytes}`,
        false,
      );
    }
    if (CONTROL.test(name)) {
      throw new AttributesError(
        `headers must have names without control characters, got ${quoted(name)}`,
        false,
      );
    }
    if (typeof value !== "string") {
      throw new AttributesError(
        `headers must have strings as values, got ${kindOf(value)} for ${quoted(name)}`,
        true,
      );
    }
  }
  // Not by assignment: that would set the prototype.
  return Object.fromEntries(entries) as Record<string, string>;
}

const encoder = new TextEncoder();

/** The size of a text in bytes of UTF-8, if it is above a limit; half of a surrogate pair counts as three. */
function exceeds(text: string, limit: number): number | undefined {
  if (3 * text.length <= limit) return undefined;
  const bytes = encoder.encode(text).length;
  return bytes > limit ? bytes : undefined;
}
