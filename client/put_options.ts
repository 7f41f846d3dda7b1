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
} from "../protocol/attributes.ts";
import { encodeBody, messageTooLarge } from "../protocol/body.ts";
import { DsmqError } from "../protocol/errors.ts";
import type { Limits } from "../protocol/limits.ts";
import { kindOf } from "../protocol/text.ts";
import type { PutList } from "./put_requests.ts";
import { requireOptions } from "./require_options.ts";

/** The fields of a message of a list. */
const MESSAGE_FIELDS = ["body", ...ATTRIBUTE_NAMES];

/**
 * Encodes the options of a put.
 *
 * @param options what the caller gave
 * @returns the attributes; `undefined` if there are none
 * @throws {TypeError | RangeError} if one is invalid, or unknown
 */
export function encodePutOptions(options: unknown): EncodedAttributes | undefined {
  requireOptions("put message", options, ATTRIBUTE_NAMES);
  return encode(options as object, "Cannot put message: ");
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
    if (typeof message === "string") return checkBody(topic, message, undefined, limits);
    if (message === null || typeof message !== "object" || Array.isArray(message)) {
      const what = `messages[${i}] must be a string or an object with a body`;
      throw new TypeError(`Cannot put messages: ${what}, got ${kindOf(message)}`);
    }
    const name = `messages[${i}].`;
    requireOptions("put messages", message, MESSAGE_FIELDS, name);
    const { body } = message as { readonly body?: unknown };
    if (typeof body !== "string") {
      throw new TypeError(`Cannot put messages: ${name}body must be a string, got ${kindOf(body)}`);
    }
    const given = encode(message, `Cannot put messages: ${name}`);
    if (given) {
      attributes ??= new Array<undefined>(messages.length).fill(undefined);
      attributes[i] = given;
    }
    return checkBody(topic, body, given, limits);
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
 * @returns the body
 * @throws {TypeError} if it is not a string
 * @throws {DsmqError} `too_large`
 */
export function checkBody(
  topic: string,
  body: unknown,
  attributes: EncodedAttributes | undefined,
  limits: Limits,
): string {
  const { messageBytes } = limits;
  const attributeBytes = attributes === undefined ? 0 : attributes.bytes;
  // A character takes up to six bytes, so that short messages need not be measured.
  if (typeof body === "string" && 6 * body.length + 2 + attributeBytes <= messageBytes) return body;
  if (typeof body !== "string") {
    throw new TypeError(`Cannot put message: it must be a string, got ${kindOf(body)}`);
  }
  const bytes = encodeBody(body).bytes + attributeBytes;
  if (bytes <= messageBytes) return body;
  const [code, sentence, details] = messageTooLarge(bytes, limits);
  throw new DsmqError(code, sentence, { ...details, bytes, topic });
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
