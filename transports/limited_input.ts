/**
 * Limits what a client that is not admitted may send over a connection of `node:net`: checked before anything of it is
 * parsed, however many frames are in it.
 *
 * @module
 */

import type { Socket } from "node:net";
import { PartialMessage } from "./partial_message.ts";

/** How much may arrive. */
export interface InputLimit {
  /** In bytes, incomplete frames included. */
  readonly bytes: number;
  /** In frames of all kinds: parts of a message, pings and empty frames count, too. */
  readonly frames: number;
}

type DataListener = (chunk: Uint8Array) => void;

/** Stands in front of the listeners of a connection until it is ended or the limit is exceeded. They do not get the excess. */
export class LimitedInput {
  readonly #connection: Socket;
  readonly #readers: readonly DataListener[];
  readonly #listener = (chunk: Uint8Array) => this.#onData(chunk);
  readonly #onExceeded: () => void;
  readonly #message = new PartialMessage();
  readonly #limit: InputLimit;
  #bytes = 0;
  #ended = false;

  /**
   * Starts to count.
   *
   * @param connection a connection that has listeners already
   * @param limit how much may arrive
   * @param onExceeded is called once when more arrives; the listeners get nothing any more
   */
  constructor(connection: Socket, limit: InputLimit, onExceeded: () => void) {
    this.#connection = connection;
    this.#limit = limit;
    this.#onExceeded = onExceeded;
    this.#readers = connection.listeners("data") as DataListener[];
    for (const reader of this.#readers) connection.off("data", reader);
    connection.on("data", this.#listener);
  }

  /** Ends the limit, unless it was exceeded. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#connection.off("data", this.#listener);
    for (const reader of this.#readers) this.#connection.on("data", reader);
  }

  #onData(chunk: Uint8Array): void {
    // Something has resumed it.
    if (this.#ended) return void this.#connection.pause();
    const { bytes, frames } = this.#limit;
    this.#bytes += chunk.length;
    if (this.#bytes <= bytes) this.#message.scan(chunk);
    if (this.#bytes > bytes || this.#message.frames > frames) {
      this.#ended = true;
      return this.#onExceeded();
    }
    for (const reader of this.#readers) reader.call(this.#connection, chunk);
  }
}
