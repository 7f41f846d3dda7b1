/**
 * The input of a connection of `node:http`, handed over in its turn.
 *
 * @module
 */

import type { Socket } from "node:net";
import type { Turn } from "../budgets/turns.ts";
import { concatBytes } from "./node_websocket_input.ts";

/** The part of a connection that is used. */
export interface InputConnection {
  readonly destroyed: boolean;
  emit(event: string, ...args: unknown[]): boolean;
  pause(): unknown;
  resume(): unknown;
}

/**
 * Makes HTTP listen to a connection like any other listener: otherwise it takes the input directly from the system, as if
 * it had been read already. Has to be called before HTTP knows the connection.
 */
export function preventConsume(socket: Socket): void {
  const { _handle } = socket as unknown as { readonly _handle?: { _consumed?: boolean } | null };
  if (_handle) _handle._consumed = true;
}

/**
 * Stands between a connection and its listeners until it becomes a WebSocket. The system delivers up to 2 MiB of one
 * connection before it polls any other: of a body that nothing reads, or of thousands of requests. A listener that keeps
 * a part of the data has to copy it.
 */
export class HttpInput {
  readonly #connection: InputConnection;
  readonly #turn: Turn;
  readonly #emit: InputConnection["emit"];
  readonly #onError: (error: unknown) => void;
  /** What has come and was not handed over. */
  #buffered: Uint8Array | undefined;
  /** It waits for its turn. */
  #isWaiting = false;
  /** It has ended, and its listeners were not called yet. */
  #ended = false;

  /** Takes its place before anything has come. Exceptions of listeners are caught. */
  constructor(connection: InputConnection, turn: Turn, onError: (error: unknown) => void) {
    this.#connection = connection;
    this.#turn = turn;
    this.#onError = onError;
    // The listeners change in the course of HTTP: so it does not replace them.
    const emit = this.#emit = connection.emit;
    connection.emit = (event, ...args) => {
      if (event === "data") return this.#onData(args[0] as Uint8Array);
      if (event === "end" && this.#isWaiting) return this.#ended = true;
      if (event === "close") this.#buffered = undefined;
      return emit.call(connection, event, ...args);
    };
  }

  /** How many bytes have come and were not handed over. */
  get buffered(): number {
    return this.#buffered?.length ?? 0;
  }

  /** From now on everything is handed over at once. Nothing waits: what was just handed over is the reason for this. */
  detach(): void {
    this.#connection.emit = this.#emit;
  }

  #onData(chunk: Uint8Array): true {
    if (this.#isWaiting || !this.#turn.mayAccept(chunk.length)) this.#buffer(chunk);
    else this.#deliver(chunk, this.#turn.checkedAt);
    return true;
  }

  #deliver(chunk: Uint8Array, began: number): void {
    try {
      this.#emit.call(this.#connection, "data", chunk);
    } catch (error) {
      this.#onError(error);
    }
    release(chunk);
    const now = this.#turn.now();
    this.#turn.charge(now - began, now);
  }

  #buffer(chunk: Uint8Array): void {
    this.#buffered = this.#buffered ? concatBytes(this.#buffered, chunk) : chunk;
    this.#connection.pause();
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#turn.next(() => this.#resume(), chunk.length);
  }

  #resume(): void {
    this.#isWaiting = false;
    const buffered = this.#buffered;
    this.#buffered = undefined;
    if (this.#connection.destroyed) return;
    // Before anything is handed over: a listener may pause it again.
    if (!this.#ended) this.#connection.resume();
    if (buffered) this.#deliver(buffered, this.#turn.now());
    if (this.#ended) this.#emit.call(this.#connection, "end");
  }
}

/**
 * Frees the memory of what HTTP has parsed: V8 would not free it before there are hundreds of MiB of such garbage, and
 * parsers, of which a thousand are kept for reuse, hold on to their last input.
 */
function release({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && byteLength > 0) buffer.transfer(0);
}
