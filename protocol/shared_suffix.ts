/**
 * The end of a frame that many subscribers get.
 *
 * @module
 */

/** Streamed frames from this size in bytes share their end among all subscribers that get the same messages. */
export const MIN_SHARED_BYTES: number = 64 * 1024;

/** The shared end: it is encoded once. */
export class SharedSuffix {
  /** A message, or several with commas between them, as JSON. */
  readonly body: string;
  /** The brackets after it. */
  readonly closing: string;
  #encoded: Uint8Array | undefined;

  /** Wraps well-formed text, and what comes after it. */
  constructor(body: string, closing: string) {
    this.body = body;
    this.closing = closing;
  }

  /** In characters. */
  get length(): number {
    return this.body.length + this.closing.length;
  }

  /** In UTF-8. It must not be changed. */
  get encoded(): Uint8Array {
    return this.#encoded ??= new TextEncoder().encode(this.body + this.closing);
  }
}
