/**
 * How much has come of an incomplete message, and in how many frames.
 *
 * @module
 */

/** The memory of a part besides its bytes: on Deno an array, a view of it, and their places in the heap. */
const PART_BYTES = 512;

/** From this value on the length is in the 2 or 8 bytes that follow. */
const LENGTH_16 = 126;

/**
 * Follows the bytes of a client from frame header to frame header, and reads nothing else: whether they are valid is for
 * the WebSocket to decide. A message may come in many frames, and each of these in many chunks.
 */
export class PartialMessage {
  #bytes = 0;
  #parts = 0;
  #frames = 0;
  /** How many bytes of the frame are still to come, with its mask; unknown while the header is incomplete. */
  #remaining = 0;
  /** What is still to come of the header: all, what follows its first byte, or this many bytes of the length. */
  #header: "all" | "length" | number = "all";
  #opcode = 0;
  #final = true;
  /** There was a frame of the message that was not its last. */
  #fragmented = false;

  /** How many frames have begun, of all kinds: parts of a message, pings and empty frames, too. */
  get frames(): number {
    return this.#frames;
  }

  /** The memory of the incomplete message, in bytes; 0 if there is none. */
  get held(): number {
    return this.#bytes + PART_BYTES * this.#parts;
  }

  /** Counts what has come. */
  scan(chunk: Uint8Array): void {
    const { length } = chunk;
    for (let at = 0; at < length;) {
      if (this.#header === "all") {
        const firstByte = chunk[at++]!;
        this.#final = firstByte > 127;
        this.#opcode = firstByte & 15;
        this.#header = "length";
        this.#bytes++;
      } else if (this.#header === "length") {
        const shortLength = chunk[at++]! & 127;
        this.#remaining = shortLength < LENGTH_16 ? shortLength : 0;
        this.#header = shortLength < LENGTH_16 ? 0 : shortLength === LENGTH_16 ? 2 : 8;
        this.#bytes++;
        if (this.#header === 0) this.#beginFrame();
      } else if (this.#header > 0) {
        this.#remaining = 256 * this.#remaining + chunk[at++]!;
        this.#bytes++;
        if (--this.#header === 0) this.#beginFrame();
      } else {
        const consumed = Math.min(this.#remaining, length - at);
        at += consumed;
        this.#bytes += consumed;
        this.#remaining -= consumed;
        if (this.#remaining === 0) this.#endFrame();
      }
    }
    if (this.#bytes > 0) this.#parts++;
  }

  /** The header is complete, except the mask, which every frame of a client has. */
  #beginFrame(): void {
    this.#frames++;
    this.#remaining += 4;
  }

  #endFrame(): void {
    this.#header = "all";
    // A control frame may come between the frames of a message.
    if (this.#opcode < 8) this.#fragmented = !this.#final;
    if (this.#fragmented) this.#parts++;
    else this.#bytes = this.#parts = 0;
  }
}
