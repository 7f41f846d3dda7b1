/**
 * Reads the first frame of a peer that is not admitted yet: whether it is a `hello`, and with which token.
 *
 * @module
 */

import { isCount } from "./request_fields.ts";

/** The longest frame with a `hello` before a peer is admitted, in characters. */
export const MAX_HELLO_LENGTH = 16_384;

/** What matters of a `hello` before admission. */
export interface FirstHello {
  readonly id: number;
  /** `""`, which is never valid, if it is not a string. */
  readonly token: string | undefined;
  /** It stands in an array, and is answered in one. */
  readonly batched: boolean;
}

/** How a frame with a request in it begins. */
const REQUEST_START = /^\s*(?:\[\s*)?\{/;

const QUOTED_HELLO = '"hello"';

/**
 * Reads the `hello` at the beginning of a frame. Nothing longer than {@linkcode MAX_HELLO_LENGTH} is parsed, nothing is parsed
 * twice, and what follows the `hello` is not looked at.
 *
 * @param data the data of a frame
 * @returns the hello; `undefined` for anything else
 */
export function parseFirstHello(data: unknown): FirstHello | undefined {
  if (typeof data !== "string" || data.length > MAX_HELLO_LENGTH) return undefined;
  if (!REQUEST_START.test(data) || !data.includes(QUOTED_HELLO)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return undefined;
  }
  const batched = Array.isArray(value);
  const { action, id, token } = Object(batched ? (value as unknown[])[0] : value);
  if (action !== "hello" || !isCount(id)) return undefined;
  return { id, token: token === undefined || typeof token === "string" ? token : "", batched };
}
