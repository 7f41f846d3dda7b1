/**
 * How much one who has not been admitted may send over a connection of `node:net`: looked at before anything of it is
 * parsed, however many frames are in it.
 *
 * @module
 */

import type { Socket } from "node:net";
import { PartialMessage } from "./partial_message.ts";

/** How much may come. */
export interface InputLimit {
  /** In bytes, also of frames that are not complete. */
  readonly bytes: number;
  /** In frames of all kinds: parts of a message, pings and what is empty count, too. */
  readonly frames: number;
}

type DataListener = (chunk: Uint8Array) => void;

/** Stands before the readers of a connection until it is ended, or too much has come, which they are not given. */
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
   * Begins to count.
   *
   * @param connection is read by somebody already
   * @param limit how much may come
   * @param onExceeded called once when more comes; nobody is given anything any more
   */
  constructor(connection: Socket, limit: InputLimit, onExceeded: () => void) {
    this.#connection = connection;
    this.#limit = limit;
    this.#onExceeded = onExceeded;
    this.#readers = connection.listeners("data") as DataListener[];
    for (const reader of this.#readers) connection.off("data", reader);
    connection.on("data", this.#listener);
  }

  /** As much may come as will, unless too much has come already. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#connection.off("data", this.#listener);
    for (const reader of this.#readers) this.#connection.on("data", reader);
  }

  #onData(chunk: Uint8Array): void {
    // Somebody has had it read on.
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
