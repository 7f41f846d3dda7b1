/**
 * Messages as they are kept and delivered: in their JSON encoding.
 *
 * @module
 */

import type { Limits } from "./limits.ts";
import { isAscii, utf8Length } from "./text.ts";

/** A message on its way in: its JSON encoding, and how many bytes of UTF-8 that is. */
export interface EncodedBody {
  /** The JSON encoding, quotes included. */
  readonly body: string;
  /** The length of `body` in bytes of UTF-8. */
  readonly bytes: number;
}

/** Encodes a message. */
export type EncodeBody = (text: string) => EncodedBody;

/**
 * `None` as a message of dsmq 1.x, whose clients read it as `null`. To all others it is the text "null", in an encoding
 * that {@linkcode encodeBody} gives to no text.
 */
export const NULL_BODY: EncodedBody = { body: '"\\u006eull"', bytes: 11 };

/**
 * Encodes a message as it is kept and delivered: JSON holds every string exactly, `\0` and lone
 * surrogates included.
 *
 * @param text the message
 * @returns its JSON encoding and size
 */
export function encodeBody(text: string): EncodedBody {
  const body = JSON.stringify(text);
  return { body, bytes: utf8Length(body) };
}

/**
 * How to encode the strings that were read from a JSON text: as {@linkcode encodeBody} does, or with less work
 * where each stands in the text as it would be encoded.
 *
 * @param json the text
 * @returns what encodes them
 */
export function bodyEncoderFor(json: string): EncodeBody {
  return json.includes("\\") || !isAscii(json) ? encodeBody : encodePlainBody;
}

/** Only for what stood in quotes in ASCII without escapes. */
function encodePlainBody(text: string): EncodedBody {
  return { body: `"${text}"`, bytes: text.length + 2 };
}

/**
 * Words the refusal of a message that is too large.
 *
 * @param bytes the size seen
 * @param limits the limits it broke
 * @param isLowerBound it may be larger than the size seen
 * @returns code, sentence and details
 */
export function messageTooLarge(
  bytes: number,
  limits: Limits,
  isLowerBound = false,
): ["too_large", string, { limit: number }] {
  const limit = limits.messageBytes;
  const size = `${isLowerBound ? "at least " : ""}${bytes} bytes`;
  return ["too_large", `Cannot put message: it is ${size} as JSON, the limit is ${limit}`, {
    limit,
  }];
}
