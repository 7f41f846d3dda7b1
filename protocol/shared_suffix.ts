/**
 * The end of a frame that many are sent.
 *
 * @module
 */

/** Of streamed frames with so many bytes or more the end is shared by all who are sent the same messages. */
export const MIN_SHARED_BYTES: number = 64 * 1024;

/** It is encoded once, however many frames end with it. */
export class SharedSuffix {
  /** A message, or several with commas between them, as JSON. */
  readonly body: string;
  /** The brackets after it. */
  readonly closing: string;
  #encoded: Uint8Array | undefined;

  /** Wraps a text that is well-formed, and what comes after it. */
  constructor(body: string, closing: string) {
    this.body = body;
    this.closing = closing;
  }

  /** In characters. */
  get length(): number {
    return this.body.length + this.closing.length;
  }

  /** In UTF-8. Nobody may change it. */
  get encoded(): Uint8Array {
    return this.#encoded ??= new TextEncoder().encode(this.body + this.closing);
  }
}
