/**
 * Text frames whose end is shared with other connections.
 *
 * @module
 */

import type { SharedSuffix } from "../protocol/shared_suffix.ts";

/** The first byte of a complete text frame, and the values that mean that the length is in the next 2 or 8 bytes. */
const [FINAL_TEXT, LENGTH_16, LENGTH_64] = [0x81, 126, 127];

const encoder = new TextEncoder();

/** A frame in two parts; the second is not copied. */
export class TextFrame {
  readonly #head: string;
  readonly #suffix: SharedSuffix;

  /** Combines the parts. */
  constructor(head: string, suffix: SharedSuffix) {
    this.#head = head;
    this.#suffix = suffix;
  }

  /** Its length in characters. */
  get length(): number {
    return this.#head.length + this.#suffix.length;
  }

  /** Its bytes, with the header of RFC 6455 (5.2). */
  get parts(): readonly [own: Uint8Array, shared: Uint8Array] {
    const { encoded } = this.#suffix;
    const head = encoder.encode(this.#head);
    const length = head.length + encoded.length;
    const extended = length < LENGTH_16 ? 0 : length < 65_536 ? 2 : 8;
    const own = new Uint8Array(2 + extended + head.length);
    const view = new DataView(own.buffer);
    own[0] = FINAL_TEXT;
    own[1] = extended === 0 ? length : extended === 2 ? LENGTH_16 : LENGTH_64;
    if (extended === 2) view.setUint16(2, length);
    else if (extended === 8) view.setBigUint64(2, BigInt(length));
    own.set(head, 2 + extended);
    return [own, encoded];
  }
}
