/**
 * Messages of RFC 6455, put together of their frames.
 *
 * @module
 */

import { DEFAULT_MAX_BYTES, FrameError, OPCODE, type WebSocketFrame } from "./frame_reader.ts";

/** Reads anything: Deno's strict decoder takes two to ten times as long. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { fatal: true });

/** What stands in the place of bytes that are not UTF-8, unless someone wrote just that. */
const REPLACEMENT = "\ufffd";

/** The most parts that a message may come in: 16 MiB in parts of 256 bytes. */
const MAX_FRAGMENTS = 64 * 1024;

/** Takes frames of data, and gives out what they say: section 5.4. */
export class MessageReader {
  /** What kind of message has begun; it is not complete. */
  #opcode: number | undefined;
  /** Its parts, one behind the other: keeping each by itself could take a hundred times as much memory. */
  #fragments = new Uint8Array();
  #size = 0;
  #fragmentCount = 0;
  /** The largest message that is read, in bytes. */
  maxBytes: number = DEFAULT_MAX_BYTES;

  /**
   * Takes a frame.
   *
   * @param frame any but a control frame
   * @returns the message that it completes: text, or bytes
   * @throws {FrameError} if the frame does not belong here, or the message is too large or not UTF-8
   */
  take({ opcode, final, payload }: WebSocketFrame): string | ArrayBuffer | undefined {
    const isFirst = opcode !== OPCODE.continuation;
    if (isFirst && this.#opcode !== undefined) {
      throw new FrameError(1002, "a message in the midst of another");
    }
    if (isFirst && final) return toMessageData(opcode, payload);
    if (isFirst) [this.#opcode, this.#fragmentCount] = [opcode, 0];
    if (this.#opcode === undefined) throw new FrameError(1002, "a part of no message");
    if (++this.#fragmentCount > MAX_FRAGMENTS) {
      throw new FrameError(1009, "a message of too many parts");
    }
    const size = this.#size + payload.length;
    if (size > this.maxBytes) throw new FrameError(1009, `a message of ${size} bytes`);
    if (size > this.#fragments.length) this.#grow(size);
    this.#fragments.set(payload, this.#size);
    this.#size = size;
    return final ? this.#finish(this.#opcode) : undefined;
  }

  #grow(size: number): void {
    const larger = new Uint8Array(Math.max(size, Math.min(2 * size, this.maxBytes)));
    larger.set(this.#fragments);
    this.#fragments = larger;
  }

  #finish(opcode: number): string | ArrayBuffer {
    const payload = this.#fragments.subarray(0, this.#size);
    this.#opcode = undefined;
    this.#fragments = new Uint8Array();
    this.#size = 0;
    return toMessageData(opcode, payload);
  }
}

function toMessageData(opcode: number, payload: Uint8Array<ArrayBuffer>): string | ArrayBuffer {
  return opcode === OPCODE.text ? decodeUtf8(payload) : payload.slice().buffer;
}

/**
 * Reads text.
 *
 * @param bytes UTF-8
 * @throws {FrameError} if they are anything else
 */
export function decodeUtf8(bytes: Uint8Array<ArrayBuffer>): string {
  const text = decoder.decode(bytes);
  if (text.includes(REPLACEMENT)) requireUtf8(bytes);
  return text;
}

function requireUtf8(bytes: Uint8Array<ArrayBuffer>): void {
  try {
    strict.decode(bytes);
  } catch {
    throw new FrameError(1007, "text that is not UTF-8");
  }
}
