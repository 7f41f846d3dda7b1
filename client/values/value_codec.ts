/**
 * What turns values into messages, and messages into values.
 *
 * @module
 */

import type { ValueIssue } from "../../protocol/error_fields.ts";

/** A value, or why there is none. */
export type Decoded<Value> =
  | { readonly value: Value; readonly issues?: undefined }
  | { readonly issues: readonly ValueIssue[]; readonly cause?: unknown };

/** The text of a message, or why there is none. */
export type Encoded =
  | string
  | { readonly issues: readonly ValueIssue[]; readonly cause?: unknown };

/** A text whose value takes time to validate. */
export interface Encoding {
  readonly text: string;
  /** The same text, or why the value does not fit. Does not reject. */
  readonly result: Promise<Encoded>;
}

/** Turns values into the texts of messages, and back. */
export interface ValueCodec<Input, Output> {
  /** The text of a value as it is now. It does not throw. */
  encode(value: Input): Encoded | Encoding;
  /** The value of a text; a promise if that takes time. It does not throw. */
  decode(text: string): Decoded<Output> | Promise<Decoded<Output>>;
}
