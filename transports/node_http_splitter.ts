/**
 * Where the input of a connection of HTTP may be divided.
 *
 * @module
 */

/** What the parser has of the request that comes. */
export interface PartialRequest {
  /** All of it has come. */
  readonly complete: boolean;
  /** How many bytes of its body are missing; `undefined` if it comes in chunks. */
  readonly bytesLeft: number | undefined;
}

/** So many chunks of a body are parsed at once: a packet of 64 KiB can hold 10,000. */
const MAX_CHUNKS = 256;

/** The end of a line. */
const NEWLINE = 10;

/** What is expected next of a body in chunks. */
type ChunkState = "size" | "extension" | "trailers";

/**
 * Divides input into pieces, each of which has the end of at most one request's headers, or few chunks of a body. To divide it
 * is right anywhere, so invalid input does no harm here: the parser finds it.
 */
export class InputSplitter {
  /** How much of the present line of headers has come. */
  #lineBytes = 0;
  /** A line that is not empty has come: empty lines may be in front of a request. */
  #hasLine = false;
  #state: ChunkState = "size";
  #size = 0;
  /** How many bytes of a chunk are missing, and the end of its line. */
  #chunkLeft = 0;
  #isInChunks = false;

  /**
   * How many bytes may be handed over at once.
   *
   * @param input what has come, at least one byte
   * @param request the one that what was handed over ends in; `undefined` before the first
   * @returns at least 1
   */
  next(input: Uint8Array, request: PartialRequest | undefined): number {
    if (!request || request.complete) {
      this.#isInChunks = false;
      return this.#endOfHead(input);
    }
    const { bytesLeft } = request;
    if (bytesLeft !== undefined) return Math.max(1, Math.min(bytesLeft, input.length));
    if (!this.#isInChunks) {
      this.#isInChunks = true;
      this.#state = "size";
      this.#size = this.#chunkLeft = 0;
    }
    return this.#endOfChunks(input);
  }

  /** Behind the next empty line after one that is not empty. */
  #endOfHead(input: Uint8Array, from = 0): number {
    let start = from;
    for (let end; (end = input.indexOf(NEWLINE, start)) >= 0; start = end + 1) {
      // One character can only be the other half of the line's end.
      const isEmpty = this.#lineBytes + end - start <= 1;
      this.#lineBytes = 0;
      if (!isEmpty) this.#hasLine = true;
      else if (this.#hasLine) {
        this.#hasLine = false;
        return end + 1;
      }
    }
    this.#lineBytes += input.length - start;
    return input.length;
  }

  /** Behind so many chunks, or the end of the body. */
  #endOfChunks(input: Uint8Array): number {
    let at = 0;
    for (let chunks = 0; at < input.length && chunks < MAX_CHUNKS;) {
      if (this.#chunkLeft > 0) {
        const bytes = Math.min(this.#chunkLeft, input.length - at);
        this.#chunkLeft -= bytes;
        at += bytes;
      } else if (this.#state === "trailers") {
        return this.#endOfHead(input, at);
      } else if (this.#state === "extension") {
        const end = input.indexOf(NEWLINE, at);
        if (end < 0) return input.length;
        at = end + 1;
        chunks++;
        this.#endOfSize();
      } else {
        const digit = hexDigit(input[at]!);
        if (digit < 0) this.#state = "extension";
        else {
          this.#size = 16 * this.#size + digit;
          at++;
        }
      }
    }
    return at;
  }

  #endOfSize(): void {
    if (this.#size === 0) {
      this.#state = "trailers";
      // The next empty line is the end.
      this.#hasLine = true;
      this.#lineBytes = 0;
      return;
    }
    this.#state = "size";
    this.#chunkLeft = this.#size + 2;
    this.#size = 0;
  }
}

/** The value of a hexadecimal digit, or -1. */
function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}
