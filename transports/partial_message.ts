/**
 * How much has come of a message that is not whole, and in how many frames.
 *
 * @module
 */

/** What a part of it takes beside its bytes: on Deno an array, a view of it, and their places in the heap. */
const PART = 512;

/** Those that have no length say it in the 2 or 8 bytes that follow. */
const LENGTH_16 = 126;

/**
 * Goes along with the bytes of a client, from header to header of its frames, and looks at nothing else: whether they
 * are good is for the WebSocket to say. A message may come in many frames, and each of these in many chunks.
 */
export class PartialMessage {
  #bytes = 0;
  #parts = 0;
  #frames = 0;
  /** How many bytes of the frame are still to come, with its mask; of a header that is not whole nobody knows. */
  #left = 0;
  /** How many bytes are still to come of the header: all, what follows its first byte, or those of its length. */
  #header: "all" | "length" | number = "all";
  #opcode = 0;
  #final = true;
  /** There was a frame of the message that was not its last. */
  #fragmented = false;

  /** How many frames have begun, of all kinds: parts of a message, pings and what is empty, too. */
  get frames(): number {
    return this.#frames;
  }

  /** What the message that is under way takes, in bytes; 0 if none is. */
  get held(): number {
    return this.#bytes + PART * this.#parts;
  }

  /** Takes account of what has come. */
  scan(chunk: Uint8Array): void {
    const { length } = chunk;
    for (let at = 0; at < length;) {
      if (this.#header === "all") {
        const first = chunk[at++]!;
        this.#final = first > 127;
        this.#opcode = first & 15;
        this.#header = "length";
        this.#bytes++;
      } else if (this.#header === "length") {
        const short = chunk[at++]! & 127;
        this.#left = short < LENGTH_16 ? short : 0;
        this.#header = short < LENGTH_16 ? 0 : short === LENGTH_16 ? 2 : 8;
        this.#bytes++;
        if (this.#header === 0) this.#begin();
      } else if (this.#header > 0) {
        this.#left = 256 * this.#left + chunk[at++]!;
        this.#bytes++;
        if (--this.#header === 0) this.#begin();
      } else {
        const taken = Math.min(this.#left, length - at);
        at += taken;
        this.#bytes += taken;
        this.#left -= taken;
        if (this.#left === 0) this.#end();
      }
    }
    if (this.#bytes > 0) this.#parts++;
  }

  /** The header is there, but for the mask, which every frame of a client has. */
  #begin(): void {
    this.#frames++;
    this.#left += 4;
  }

  #end(): void {
    this.#header = "all";
    // One that controls the connection may come between those of a message.
    if (this.#opcode < 8) this.#fragmented = !this.#final;
    if (this.#fragmented) this.#parts++;
    else this.#bytes = this.#parts = 0;
  }
}
