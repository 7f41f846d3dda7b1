/**
 * Writes frames of RFC 6455 as a client: masked, one after another in one buffer.
 *
 * @module
 */

import { FIN_BIT, MASK_BIT, OPCODE, type Opcode } from "./frame_reader.ts";
import type { ByteStream } from "./http_response.ts";

/** The first size of a buffer, and the largest that is kept, in bytes. */
const BUFFER_SIZE = { initial: 4 * 1024, maxReused: 256 * 1024 };

/** The longest header: with a long length and a key. */
const MAX_HEADER_BYTES = 14;

const encoder = new TextEncoder();
const keys = new Uint8Array(4096);
let nextKey = keys.length;

/** A buffer as bytes and as words of four bytes. Making a view for each frame would take longer than masking it. */
class MaskBuffer {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words: Uint32Array<ArrayBuffer>;

  constructor(size: number) {
    const roundedSize = Math.ceil(size / 4) * 4;
    this.bytes = new Uint8Array(roundedSize);
    this.words = new Uint32Array(this.bytes.buffer);
  }
}

/** A key, rotated to fit the word in which a payload begins. */
const rotatedKey = new MaskBuffer(4);

/** Collects frames until they are taken, in two alternating buffers. */
export class FrameWriter {
  #buffer = new MaskBuffer(BUFFER_SIZE.initial);
  #reusable: MaskBuffer | undefined;
  #length = 0;

  /** How many bytes are collected. */
  get length(): number {
    return this.#length;
  }

  /** Something is collected. */
  get hasData(): boolean {
    return this.#length > 0;
  }

  /** Adds a text message. */
  text(text: string): void {
    // A UTF-16 unit takes up to three bytes, mostly one.
    this.#reserve(MAX_HEADER_BYTES + text.length);
    let start = this.#length + headerSize(text.length);
    let { read, written } = encoder.encodeInto(text, this.#buffer.bytes.subarray(start));
    if (read < text.length || headerSize(written) !== headerSize(text.length)) {
      const bytes = encoder.encode(text);
      written = bytes.length;
      this.#reserve(MAX_HEADER_BYTES + written);
      start = this.#length + headerSize(written);
      this.#buffer.bytes.set(bytes, start);
    }
    this.#finishFrame(OPCODE.text, start, written);
  }

  /** Adds a control frame, with at most 125 bytes. */
  control(opcode: Opcode, payload: Uint8Array): void {
    this.#reserve(MAX_HEADER_BYTES + payload.length);
    const start = this.#length + headerSize(payload.length);
    this.#buffer.bytes.set(payload, start);
    this.#finishFrame(opcode, start, payload.length);
  }

  /** Takes the collected frames, which stay valid until the next call. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#buffer;
    const bytes = taken.bytes.subarray(0, this.#length);
    this.#buffer = this.#reusable ?? new MaskBuffer(BUFFER_SIZE.initial);
    this.#reusable = taken.bytes.length <= BUFFER_SIZE.maxReused ? taken : undefined;
    this.#length = 0;
    return bytes;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    const { bytes: current } = this.#buffer;
    if (needed <= current.length) return;
    this.#buffer = new MaskBuffer(Math.max(needed, 2 * current.length));
    this.#buffer.bytes.set(current.subarray(0, this.#length));
  }

  /** Writes the header before a payload, and masks it. */
  #finishFrame(opcode: Opcode, start: number, length: number): void {
    const { bytes } = this.#buffer;
    const at = this.#length;
    bytes[at] = FIN_BIT | opcode;
    if (length < 126) bytes[at + 1] = MASK_BIT | length;
    else if (length < 65536) {
      bytes[at + 1] = MASK_BIT | 126;
      bytes[at + 2] = length >> 8;
      bytes[at + 3] = length & 0xff;
    } else {
      bytes[at + 1] = MASK_BIT | 127;
      new DataView(bytes.buffer).setBigUint64(at + 2, BigInt(length));
    }
    writeMaskingKey(bytes, start - 4);
    mask(this.#buffer, start, length);
    this.#length = start + length;
  }
}

function headerSize(length: number): number {
  return length < 126 ? 6 : length < 65536 ? 8 : MAX_HEADER_BYTES;
}

/** An unpredictable masking key, as section 10.3 requires; many are generated at a time. */
function writeMaskingKey(into: Uint8Array, at: number): void {
  if (nextKey === keys.length) {
    crypto.getRandomValues(keys);
    nextKey = 0;
  }
  for (let i = 0; i < 4; i++) into[at + i] = keys[nextKey++]!;
}

/** Masks a payload with the key before it, in words of four bytes where possible. */
function mask({ bytes, words }: MaskBuffer, start: number, length: number): void {
  const key = start - 4;
  const end = start + length;
  const firstWord = Math.min(end, Math.ceil(start / 4) * 4);
  const lastWord = Math.max(firstWord, end - end % 4);
  for (let k = 0; k < 4; k++) rotatedKey.bytes[k] = bytes[key + (firstWord - start + k) % 4]!;
  const word = rotatedKey.words[0]!;
  for (let i = start; i < firstWord; i++) bytes[i]! ^= bytes[key + (i - start) % 4]!;
  for (let w = firstWord / 4; w < lastWord / 4; w++) words[w]! ^= word;
  for (let i = lastWord; i < end; i++) bytes[i]! ^= bytes[key + (i - start) % 4]!;
}

/** Writes all bytes. */
export async function writeToEnd(
  stream: Pick<ByteStream, "write">,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await stream.write(bytes.subarray(at));
}
