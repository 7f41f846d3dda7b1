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

/** A buffer, as bytes and as words of four: to make a view anew for each frame takes longer than to mask it. */
class Space {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words: Uint32Array<ArrayBuffer>;

  constructor(size: number) {
    const whole = Math.ceil(size / 4) * 4;
    this.bytes = new Uint8Array(whole);
    this.words = new Uint32Array(this.bytes.buffer);
  }
}

/** A key, turned so that it fits the word in which a payload begins. */
const turned = new Space(4);

/** Collects frames until they are taken, into two buffers in turn. */
export class FrameWriter {
  #space = new Space(SIZE.first);
  #spare: Space | undefined;
  #length = 0;

  /** How many bytes are there to be taken. */
  get length(): number {
    return this.#length;
  }

  /** Something is there to be taken. */
  get any(): boolean {
    return this.#length > 0;
  }

  /** Adds a text message. */
  text(text: string): void {
    // A unit is a byte, and never more than three; mostly one.
    this.#reserve(HEADER + text.length);
    let start = this.#length + headerSize(text.length);
    let { read, written } = encoder.encodeInto(text, this.#space.bytes.subarray(start));
    if (read < text.length || headerSize(written) !== headerSize(text.length)) {
      const bytes = encoder.encode(text);
      written = bytes.length;
      this.#reserve(HEADER + written);
      start = this.#length + headerSize(written);
      this.#space.bytes.set(bytes, start);
    }
    this.#frame(OPCODE.text, start, written);
  }

  /** Adds a control frame, with at most 125 bytes. */
  control(opcode: Opcode, payload: Uint8Array): void {
    this.#reserve(HEADER + payload.length);
    const start = this.#length + headerSize(payload.length);
    this.#space.bytes.set(payload, start);
    this.#frame(opcode, start, payload.length);
  }

  /** The frames that were added since the last time. They stand until this is called again. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#space;
    const bytes = taken.bytes.subarray(0, this.#length);
    this.#space = this.#spare ?? new Space(SIZE.first);
    this.#spare = taken.bytes.length <= SIZE.kept ? taken : undefined;
    this.#length = 0;
    return bytes;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    const { bytes: present } = this.#space;
    if (needed <= present.length) return;
    this.#space = new Space(Math.max(needed, 2 * present.length));
    this.#space.bytes.set(present.subarray(0, this.#length));
  }

  /** Puts the header before a payload that is in its place, and masks it. */
  #frame(opcode: Opcode, start: number, length: number): void {
    const { bytes } = this.#space;
    const at = this.#length;
    bytes[at] = FINAL | opcode;
    if (length < 126) bytes[at + 1] = MASKED | length;
    else if (length < 65536) {
      bytes[at + 1] = MASKED | 126;
      bytes[at + 2] = length >> 8;
      bytes[at + 3] = length & 0xff;
    } else {
      bytes[at + 1] = MASKED | 127;
      new DataView(bytes.buffer).setBigUint64(at + 2, BigInt(length));
    }
    drawKey(bytes, start - 4);
    mask(this.#space, start, length);
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
function mask({ bytes, words }: Space, start: number, length: number): void {
  const key = start - 4;
  const end = start + length;
  const firstWord = Math.min(end, Math.ceil(start / 4) * 4);
  const lastWord = Math.max(firstWord, end - end % 4);
  for (let k = 0; k < 4; k++) turned.bytes[k] = bytes[key + (firstWord - start + k) % 4]!;
  const word = turned.words[0]!;
  for (let i = start; i < firstWord; i++) bytes[i]! ^= bytes[key + (i - start) % 4]!;
  for (let w = firstWord / 4; w < lastWord / 4; w++) words[w]! ^= word;
  for (let i = lastWord; i < end; i++) bytes[i]! ^= bytes[key + (i - start) % 4]!;
}
