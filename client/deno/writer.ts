/**
 * Frames of RFC 6455 on their way out, as a client writes them: masked, one after another in one buffer.
 *
 * @module
 */

import { FINAL, MASKED, OPCODE, type Opcode } from "./frames.ts";

/** The size of a buffer for a start, and the largest that is kept, in bytes. */
const SIZE = { first: 4 * 1024, kept: 256 * 1024 };

/** The longest header: length and key in full. */
const HEADER = 14;

const encoder = new TextEncoder();
const keys = new Uint8Array(4096);
let nextKey = keys.length;

/** Collects frames until they are taken, into two buffers in turn. */
export class FrameWriter {
  #buffer = new Uint8Array(SIZE.first);
  #spare = new Uint8Array(0);
  #length = 0;

  /** Something is there to be taken. */
  get any(): boolean {
    return this.#length > 0;
  }

  /** Adds a text message. */
  text(text: string): void {
    // A unit is a byte, and never more than three; mostly one.
    this.#reserve(HEADER + text.length);
    let start = this.#length + headerSize(text.length);
    let { read, written } = encoder.encodeInto(text, this.#buffer.subarray(start));
    if (read < text.length || headerSize(written) !== headerSize(text.length)) {
      const bytes = encoder.encode(text);
      written = bytes.length;
      this.#reserve(HEADER + written);
      start = this.#length + headerSize(written);
      this.#buffer.set(bytes, start);
    }
    this.#frame(OPCODE.text, start, written);
  }

  /** Adds a control frame, with at most 125 bytes. */
  control(opcode: Opcode, payload: Uint8Array): void {
    this.#reserve(HEADER + payload.length);
    const start = this.#length + headerSize(payload.length);
    this.#buffer.set(payload, start);
    this.#frame(opcode, start, payload.length);
  }

  /** The frames that were added since the last time. They stand until this is called again. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#buffer;
    const bytes = taken.subarray(0, this.#length);
    this.#buffer = this.#spare.length > 0 ? this.#spare : new Uint8Array(SIZE.first);
    this.#spare = taken.length <= SIZE.kept ? taken : new Uint8Array(0);
    this.#length = 0;
    return bytes;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.#buffer.length));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }

  /** Puts the header before a payload that is in its place, and masks it. */
  #frame(opcode: Opcode, start: number, length: number): void {
    const buffer = this.#buffer;
    const at = this.#length;
    buffer[at] = FINAL | opcode;
    if (length < 126) buffer[at + 1] = MASKED | length;
    else if (length < 65536) {
      buffer[at + 1] = MASKED | 126;
      buffer[at + 2] = length >> 8;
      buffer[at + 3] = length & 0xff;
    } else {
      buffer[at + 1] = MASKED | 127;
      new DataView(buffer.buffer).setBigUint64(at + 2, BigInt(length));
    }
    drawKey(buffer, start - 4);
    mask(buffer, start, length);
    this.#length = start + length;
  }
}

function headerSize(length: number): number {
  return length < 126 ? 6 : length < 65536 ? 8 : HEADER;
}

/** A masking key that nobody can foresee, as section 10.3 asks for; drawn many at a time. */
function drawKey(into: Uint8Array, at: number): void {
  if (nextKey === keys.length) {
    crypto.getRandomValues(keys);
    nextKey = 0;
  }
  for (let i = 0; i < 4; i++) into[at + i] = keys[nextKey++]!;
}

/** Masks a payload with the key before it: by words of four bytes, but for its ends. */
function mask(buffer: Uint8Array<ArrayBuffer>, start: number, length: number): void {
  const key = start - 4;
  const end = start + length;
  let i = start;
  for (; i < end && i % 4 !== 0; i++) buffer[i]! ^= buffer[key + (i - start) % 4]!;
  if (end - i >= 4) {
    const turned = new Uint8Array(4);
    for (let k = 0; k < 4; k++) turned[k] = buffer[key + (i - start + k) % 4]!;
    const [word] = new Uint32Array(turned.buffer);
    const words = new Uint32Array(buffer.buffer, 0, buffer.length >> 2);
    const last = end >> 2;
    for (let w = i >> 2; w < last; w++) words[w]! ^= word!;
    i = last * 4;
  }
  for (; i < end; i++) buffer[i]! ^= buffer[key + (i - start) % 4]!;
}
