/**
 * Messages as they are stored and delivered: in their JSON encoding.
 *
 * @module
 */

import type { Limits } from "./client_limits.ts";
import { isAscii, utf8Length } from "./text.ts";

/** A message: its JSON encoding, and the size of that in bytes of UTF-8. */
export interface EncodedBody {
  /** The JSON encoding, quotes included. */
  readonly body: string;
  /** The length of `body` in bytes of UTF-8. */
  readonly bytes: number;
}

/** Encodes a message. */
export type EncodeBody = (text: string) => EncodedBody;

/**
 * `None` as a message of dsmq 1.x, whose clients get `null`. All other clients get the text "null"; its encoding differs from
 * the one that {@linkcode encodeBody} makes of that text.
 */
export const NULL_BODY: EncodedBody = { body: '"\\u006eull"', bytes: 11 };

/**
 * Encodes a message as it is stored and delivered. JSON holds every string exactly, `\0` and lone surrogates included.
 *
 * @param text the message
 * @returns its JSON encoding and size
 */
export function encodeBody(text: string): EncodedBody {
  const body = JSON.stringify(text);
  return { body, bytes: utf8Length(body) };
}

/**
 * How to encode the strings of a JSON text: as {@linkcode encodeBody} does, or with less work if each of them already stands
 * in the text as it would be encoded.
 *
 * @param json the text
 * @returns what encodes them
 */
export function bodyEncoderFor(json: string): EncodeBody {
  return json.includes("\\") || !isAscii(json) ? encodeBody : encodePlainBody;
}

/** Only for ASCII that needs no escapes. */
function encodePlainBody(text: string): EncodedBody {
  return { body: `"${text}"`, bytes: text.length + 2 };
}

/** Whether a message is larger than that. A character takes up to six bytes, so that short messages need not be measured. */
export function exceedsMessageBytes(message: string, messageBytes: number): boolean {
  return 6 * message.length + 2 > messageBytes && encodeBody(message).bytes > messageBytes;
}

/**
 * The error of a message that is too large.
 *
 * @param bytes the size seen
 * @param limits the limits
 * @param isLowerBound the size seen is a lower bound
 * @param what which message it is
 * @returns code, message and details
 */
export function messageTooLarge(
  bytes: number,
  limits: Limits,
  isLowerBound = false,
  what = "message: it",
): ["too_large", string, { limit: number }] {
  const limit = limits.messageBytes;
  const size = `${isLowerBound ? "at least " : ""}${bytes} bytes`;
  return ["too_large", `Cannot put ${what} is ${size} as JSON, the limit is ${limit}`, {
    limit,
  }];
}
