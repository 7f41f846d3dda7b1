/**
 * What is looked at of a frame while its sender has not been admitted: whether it says hello, and with which token.
 *
 * @module
 */

import { isCount } from "./request_fields.ts";

/** The longest frame that may say hello before its sender is admitted, in characters. */
export const MAX_HELLO_LENGTH = 8192;

/** A hello, as far as it matters for who is not admitted. */
export interface FirstHello {
  readonly id: number;
  /** `""`, which is no good one, for something that is no text. */
  readonly token: string | undefined;
  /** It is the first of an array, and is answered in one. */
  readonly batched: boolean;
}

/** How a frame with a request in it begins. */
const REQUEST_START = /^\s*(?:\[\s*)?\{/;

const QUOTED_HELLO = '"hello"';

/**
 * Looks whether a frame begins with a hello. Nothing longer than {@linkcode MAX_HELLO_LENGTH} is parsed, nothing twice, and
 * what stands behind the hello is not looked at.
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
