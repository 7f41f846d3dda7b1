/**
 * How much one who has not been admitted may send over a connection of `node:net`: looked at before anything of it is
 * parsed, however many frames are in it.
 *
 * @module
 */

import type { Socket } from "node:net";

/** How much may come. */
export interface InputLimit {
  /** In bytes, also of frames that are not complete. */
  readonly bytes: number;
  /** In frames of all kinds: parts of a message, pings and what is empty count, too. */
  readonly frames: number;
}

type Listener = (chunk: Uint8Array) => void;

/** Stands before those who read a connection until it ends, or until too much has come: that they are not given. */
export class LimitedInput {
  readonly #connection: Socket;
  readonly #readers: readonly Listener[];
  readonly #take = (chunk: Uint8Array) => this.#took(chunk);
  readonly #exceeded: () => void;
  readonly #frames = new FrameCounter();
  readonly #limit: InputLimit;
  #bytes = 0;
  #over = false;

  /**
   * Begins to count.
   *
   * @param connection is read by somebody already
   * @param limit how much may come
   * @param exceeded called once when more comes; nobody is given anything any more
   */
  constructor(connection: Socket, limit: InputLimit, exceeded: () => void) {
    this.#connection = connection;
    this.#limit = limit;
    this.#exceeded = exceeded;
    this.#readers = connection.listeners("data") as Listener[];
    for (const reader of this.#readers) connection.off("data", reader);
    connection.on("data", this.#take);
  }

  /** As much may come as will, unless too much has come already. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#connection.off("data", this.#take);
    for (const reader of this.#readers) this.#connection.on("data", reader);
  }

  #took(chunk: Uint8Array): void {
    if (this.#over) return;
    const { bytes, frames } = this.#limit;
    this.#bytes += chunk.length;
    if (this.#bytes > bytes || this.#frames.add(chunk) > frames) {
      this.#over = true;
      return this.#exceeded();
    }
    for (const reader of this.#readers) reader.call(this.#connection, chunk);
  }
}

/** Counts the frames of WebSockets in bytes, by their heads alone. */
export class FrameCounter {
  #count = 0;
  /** So much of the payload of the last one has yet to come. */
  #payload = 0;
  #head: number[] = [];

  /** Counts those that begin in some bytes; returns how many have begun since the first. */
  add(bytes: Uint8Array): number {
    for (let at = 0; at < bytes.length;) {
      if (this.#payload > 0) {
        const rest = Math.min(this.#payload, bytes.length - at);
        this.#payload -= rest;
        at += rest;
        continue;
      }
      this.#head.push(bytes[at++]!);
      const payload = payloadOf(this.#head);
      if (payload === undefined) continue;
      this.#count++;
      this.#payload = payload;
      this.#head = [];
    }
    return this.#count;
  }
}

/** How long the payload is of a frame with this head; `undefined` while the head is not complete. */
function payloadOf(head: readonly number[]): number | undefined {
  const second = head[1];
  if (second === undefined) return undefined;
  const short = second & 127;
  const lengthBytes = short < 126 ? 0 : short === 126 ? 2 : 8;
  const maskBytes = second & 128 ? 4 : 0;
  if (head.length < 2 + lengthBytes + maskBytes) return undefined;
  if (lengthBytes === 0) return short;
  return head.slice(2, 2 + lengthBytes).reduce((sum, byte) => sum * 256 + byte, 0);
}
