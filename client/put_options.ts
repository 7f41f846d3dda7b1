/**
 * What the caller of a put gives besides topic and body: checked, copied and encoded at once.
 *
 * @module
 */

import {
  ATTRIBUTE_NAMES,
  AttributesError,
  encodeAttributes,
  type EncodedAttributes,
  type MessageAttributes,
} from "../protocol/attributes.ts";
import { encodeBody, messageTooLarge } from "../protocol/body.ts";
import { DsmqError } from "../protocol/errors.ts";
import type { Limits } from "../protocol/client_limits.ts";
import type { Message } from "../protocol/message.ts";
import { kindOf } from "../protocol/text.ts";
import type { BackupMessage } from "./administration.ts";
import type { PutList } from "./put_requests.ts";
import { requireOptions } from "./require_options.ts";
import type { ValueMessage } from "./values/typed_api.ts";

/** The fields of a message of a list. */
const MESSAGE_FIELDS = ["body", ...ATTRIBUTE_NAMES];

/** What makes a message that was read, besides its attributes. */
const RECEIVED_FIELDS = Object.keys(
  { topic: true, body: true, seq: true, position: true, time: true } satisfies Record<
    Exclude<keyof Message, keyof MessageAttributes>,
    true
  >,
);

/** The same, and what a topic of values or a backup adds. None of it is put again. */
const PASSED_OVER = [
  ...RECEIVED_FIELDS,
  ...["value", "identity"] satisfies (keyof ValueMessage<unknown> | keyof BackupMessage)[],
];

/**
 * Whether there may be something besides attributes: a message that was read can be put again as it is. A part of one is a
 * mistake like any other.
 */
function isPassedOver(options: object, name: string): boolean {
  return PASSED_OVER.includes(name) && RECEIVED_FIELDS.every((field) => field in options);
}

/**
 * Encodes the options of a put.
 *
 * @param options what the caller gave: attributes, or a message that was read
 * @returns the attributes; `undefined` if there are none
 * @throws {TypeError | RangeError} if one is invalid, or unknown
 */
export function encodePutOptions(options: unknown): EncodedAttributes | undefined {
  requireOptions("put message", options, ATTRIBUTE_NAMES, "", isPassedOver);
  return encode(options as object, "Cannot put message: ");
}

/**
 * Encodes the options of a message of a list.
 *
 * @param options what the caller gave
 * @param index that of the message
 * @param names the names that there are
 * @returns the attributes; `undefined` if there are none
 * @throws {TypeError | RangeError} if one is invalid, or unknown
 */
export function encodeListed(
  options: unknown,
  index: number,
  names: readonly string[] = ATTRIBUTE_NAMES,
): EncodedAttributes | undefined {
  const name = `messages[${index}].`;
  requireOptions("put messages", options, names, name, isPassedOver);
  return encode(options as object, `Cannot put messages: ${name}`);
}

/**
 * Checks that messages are given as a list.
 *
 * @param messages what the caller gave
 * @throws {TypeError} if it is no array
 */
export function requireList(messages: unknown): asserts messages is readonly unknown[] {
  if (Array.isArray(messages)) return;
  throw new TypeError(`Cannot put messages: they must be an array, got ${kindOf(messages)}`);
}

/**
 * Copies a list of messages.
 *
 * @param topic the topic, for the error
 * @param messages what the caller gave
 * @param limits those of the server
 * @returns the texts, and the attributes if one has some
 * @throws {TypeError | RangeError} if one of them is invalid
 * @throws {DsmqError} `too_large`
 */
export function copyPutList(
  topic: string,
  messages: readonly unknown[],
  limits: Limits,
): PutList {
  let attributes: (EncodedAttributes | undefined)[] | undefined;
  const bodies = Array.from(messages, (message, i) => {
    if (typeof message === "string") return checkBody(topic, message, undefined, limits, i);
    if (message === null || typeof message !== "object" || Array.isArray(message)) {
      const what = `messages[${i}] must be a string or an object with a body`;
      throw new TypeError(`Cannot put messages: ${what}, got ${kindOf(message)}`);
    }
    const given = encodeListed(message, i, MESSAGE_FIELDS);
    const { body } = message as { readonly body?: unknown };
    if (given) {
      attributes ??= new Array<undefined>(messages.length).fill(undefined);
      attributes[i] = given;
    }
    return checkBody(topic, body, given, limits, i);
  });
  return { bodies, attributes };
}

/**
 * Checks a message against the limits of the server.
 *
 * @param topic the topic, for the error
 * @param body what the caller gave
 * @param attributes its attributes, if it has any
 * @param limits those of the server
 * @param index its index, if it is of a list
 * @returns the body
 * @throws {TypeError} if it is not a string
 * @throws {DsmqError} `too_large`
 */
export function checkBody(
  topic: string,
  body: unknown,
  attributes: EncodedAttributes | undefined,
  limits: Limits,
  index?: number,
): string {
  const { messageBytes } = limits;
  const attributeBytes = attributes === undefined ? 0 : attributes.bytes;
  // A character takes up to six bytes, so that short messages need not be measured.
  if (typeof body === "string" && 6 * body.length + 2 + attributeBytes <= messageBytes) return body;
  if (typeof body !== "string") {
    const what = index === undefined ? "message: it" : `messages: messages[${index}].body`;
    throw new TypeError(`Cannot put ${what} must be a string, got ${kindOf(body)}`);
  }
  const bytes = encodeBody(body).bytes + attributeBytes;
  if (bytes <= messageBytes) return body;
  const what = index === undefined ? undefined : `messages: messages[${index}]`;
  const [code, sentence, details] = messageTooLarge(bytes, limits, false, what);
  throw new DsmqError(code, sentence, {
    ...details,
    bytes,
    topic,
    index,
  });
}

function encode(options: object, prefix: string): EncodedAttributes | undefined {
  try {
    return encodeAttributes(options);
  } catch (error) {
    if (!(error instanceof AttributesError)) throw error;
    const ErrorClass = error.isType ? TypeError : RangeError;
    throw new ErrorClass(`${prefix}${error.message}`);
  }
}
