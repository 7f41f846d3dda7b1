/**
 * Frames of RFC 6455, as a client reads them, and the messages that they make up.
 *
 * ```text
 * FIN RSV RSV RSV OPCODE(4) | MASK LENGTH(7) [LENGTH(16) or LENGTH(64)] [KEY(32)] | payload
 * ```
 *
 * @module
 */

/** The kinds of frames. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A kind of frame. */
export type Opcode = typeof OPCODE[keyof typeof OPCODE];

/** A frame that arrived. */
export interface WebSocketFrame {
  readonly opcode: number;
  /** It is a whole message, or the last part of one. */
  readonly final: boolean;
  /** Its payload, valid until more is read. */
  readonly payload: Uint8Array<ArrayBuffer>;
}

/** What arrived violates RFC 6455, or is too large. */
export class FrameError extends Error {
  /** The close code for it. */
  readonly code: number;

  /** Makes an error with its close code. */
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Bits of the first and the second byte of a frame. */
export const FIN_BIT = 0x80;
export const MASK_BIT = 0x80;
const RESERVED_BITS = 0x70;

/** The default of the largest message, in bytes: that of Deno's own WebSocket. */
export const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;

/** How much is read at a time, in bytes. A larger frame gets a larger buffer while it arrives. */
const BUFFER_SIZE = 64 * 1024;

/** Turns bytes into frames. */
export class FrameReader {
  #buffer = new Uint8Array(BUFFER_SIZE);
  #view = new DataView(this.#buffer.buffer);
  /** The unread bytes lie between `start` and `end`. */
  #start = 0;
  #end = 0;
  /** The size of the next frame, as far as it is known. */
  #frameSize = 0;
  /** The largest frame that is accepted, in bytes. */
  maxBytes: number = DEFAULT_MAX_BYTES;

  /** Where the next bytes go: room for at least one. */
  freeSpace(): Uint8Array<ArrayBuffer> {
    if (this.#start > 0) {
      this.#buffer.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    const size = Math.max(BUFFER_SIZE, this.#frameSize);
    if (this.#buffer.length < size || (this.#end === 0 && this.#buffer.length > size)) {
      const larger = new Uint8Array(size);
      larger.set(this.#buffer.subarray(0, this.#end));
      this.#buffer = larger;
      this.#view = new DataView(larger.buffer);
    }
    return this.#buffer.subarray(this.#end);
  }

  /** Tells it how many bytes were written there. */
  advance(bytes: number): void {
    this.#end += bytes;
  }

  /**
   * The next frame, if it has arrived completely.
   *
   * @throws {FrameError} if it is not a frame that a server may send
   */
  next(): WebSocketFrame | undefined {
    const available = this.#end - this.#start;
    const at = this.#start;
    if (available < 2) return undefined;
    const [first, second] = [this.#buffer[at]!, this.#buffer[at + 1]!];
    const short = second & ~MASK_BIT;
    const extra = short < 126 ? 0 : short === 126 ? 2 : 8;
    if (available < 2 + extra) return undefined;
    const length = extra === 0
      ? short
      : extra === 2
      ? this.#view.getUint16(at + 2)
      : Number(this.#view.getBigUint64(at + 2));
    const opcode = first & 0x0f;
    const final = (first & FIN_BIT) !== 0;
    if ((first & RESERVED_BITS) !== 0 || (second & MASK_BIT) !== 0) {
      throw new FrameError(1002, "a frame with bits that were not agreed on");
    }
    if (opcode > OPCODE.pong || (opcode > OPCODE.binary && opcode < OPCODE.close)) {
      throw new FrameError(1002, `a frame of an unknown kind, ${opcode}`);
    }
    if (opcode >= OPCODE.close && (short > 125 || !final)) {
      throw new FrameError(1002, "a control frame that is too long, or fragmented");
    }
    if (length > this.maxBytes) throw new FrameError(1009, `a frame of ${length} bytes`);
    this.#frameSize = 2 + extra + length;
    if (available < this.#frameSize) return undefined;
    this.#start += this.#frameSize;
    this.#frameSize = 0;
    return {
      opcode,
      final,
      payload: this.#buffer.subarray(at + 2 + extra, this.#start),
    };
  }
}

/** Accepts anything: Deno's strict decoder takes two to ten times as long. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { fatal: true });

/** Takes the place of bytes that are not UTF-8; a text may also contain it. */
const REPLACEMENT = "\ufffd";

/** The most fragments of a message: 16 MiB in fragments of 256 bytes. */
const MAX_FRAGMENTS = 64 * 1024;

/** Joins data frames to messages: section 5.4. */
export class MessageReader {
  /** The kind of the message that has begun. */
  #opcode: number | undefined;
  /** Its fragments, joined: keeping each by itself could take a hundred times as much memory. */
  #fragments = new Uint8Array();
  #size = 0;
  #fragmentCount = 0;
  /** The largest message that is accepted, in bytes. */
  maxBytes: number = DEFAULT_MAX_BYTES;

  /**
   * Takes a frame.
   *
   * @param frame any frame but a control frame
   * @returns the message that it completes, if it does: text, or bytes
   * @throws {FrameError} if the frame is out of place, or the message is too large or not UTF-8
   */
  take({ opcode, final, payload }: WebSocketFrame): string | ArrayBuffer | undefined {
    const isFirst = opcode !== OPCODE.continuation;
    if (isFirst && this.#opcode !== undefined) {
      throw new FrameError(1002, "a message within another one");
    }
    if (isFirst && final) return toMessageData(opcode, payload);
    if (isFirst) [this.#opcode, this.#fragmentCount] = [opcode, 0];
    if (this.#opcode === undefined) throw new FrameError(1002, "a continuation without a message");
    if (++this.#fragmentCount > MAX_FRAGMENTS) {
      throw new FrameError(1009, "a message of too many fragments");
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
 * Decodes UTF-8.
 *
 * @param bytes UTF-8
 * @throws {FrameError} if they are not UTF-8
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
