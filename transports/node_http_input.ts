/**
 * The input of a connection of `node:http`, handed over in its turn.
 *
 * @module
 */

import type { Socket } from "node:net";
import type { Turn } from "../budgets/turns.ts";
import { InputSplitter, type PartialRequest } from "./node_http_splitter.ts";
import { concatBytes } from "./node_websocket_input.ts";

/** With this many bytes that wait for responses, nothing more is read from the connection. */
const MAX_HELD = 64 * 1024;

/** The part of a connection that is used. */
export interface InputConnection {
  readonly destroyed: boolean;
  emit(event: string, ...args: unknown[]): boolean;
  pause(): unknown;
  resume(): unknown;
  unshift(chunk: Uint8Array): void;
}

/** What comes of the input. */
export interface InputRequests {
  /** The request that is being parsed; `undefined` between two. */
  current(): PartialRequest & { flushBody(): void } | undefined;
  /** Whether something may be parsed, perhaps one more request. */
  mayParse(isNewRequest: boolean): boolean;
  /** Calls back once more may be parsed, or the connection is gone. */
  whenRoom(callback: () => void): void;
  /** A listener has thrown. */
  onError(error: unknown): void;
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
 * connection before it polls any other: of a body that nothing reads, or of thousands of requests. So input is handed over in
 * pieces; and while many requests wait for their responses, what comes after them waits, too. A listener that keeps a part of
 * the data has to copy it.
 */
export class HttpInput {
  readonly #connection: InputConnection;
  readonly #turn: Turn;
  readonly #emit: InputConnection["emit"];
  readonly #requests: InputRequests;
  readonly #splitter = new InputSplitter();
  /** What has come and was not handed over. */
  #buffered: Uint8Array | undefined;
  /** It waits for its turn, or for responses to be sent. */
  #isWaiting: "turn" | "room" | undefined;
  /** It has ended, and its listeners were not called yet. */
  #ended = false;

  /** Takes its place before anything has come. Exceptions of listeners are caught. */
  constructor(connection: InputConnection, turn: Turn, requests: InputRequests) {
    this.#connection = connection;
    this.#turn = turn;
    this.#requests = requests;
    // The listeners change in the course of HTTP: so it does not replace them.
    const emit = this.#emit = connection.emit;
    connection.emit = (event, ...args) => {
      if (event === "data") return this.#onData(args[0] as Uint8Array);
      if (event === "end" && this.#isWaiting === "turn") return this.#ended = true;
      // A client that has left gets no responses: nor are its other requests handled.
      if (event === "close" || event === "end") this.#buffered = undefined;
      return emit.call(connection, event, ...args);
    };
  }

  /** How many bytes have come and were not handed over. */
  get buffered(): number {
    return this.#buffered?.length ?? 0;
  }

  /** From now on everything is handed over at once. */
  detach(): void {
    this.#connection.emit = this.#emit;
  }

  #onData(chunk: Uint8Array): true {
    if (this.#isWaiting === "room") this.#hold(chunk);
    else if (this.#isWaiting || !this.#turn.mayAccept(chunk.length)) this.#buffer(chunk);
    else this.#deliver(chunk, this.#turn.checkedAt);
    return true;
  }

  /** Hands it over piece by piece, as long as that may be. */
  #deliver(chunk: Uint8Array, began: number): void {
    const { length } = chunk;
    for (let [at, since] = [0, began]; at < length;) {
      const request = this.#requests.current();
      if (!this.#requests.mayParse(request?.complete !== false)) {
        this.#hold(copyFrom(chunk, at));
        break;
      }
      const rest = at === 0 ? chunk : chunk.subarray(at);
      const bytes = this.#splitter.next(rest, request);
      at += bytes;
      this.#handOver(at === length ? rest : rest.subarray(0, bytes));
      const now = this.#turn.now();
      this.#turn.charge(now - since, now);
      since = now;
      if (at === length || this.#connection.destroyed) break;
      if (this.#connection.emit === this.#emit) {
        // It is a WebSocket from now on.
        this.#connection.unshift(copyFrom(chunk, at));
        break;
      }
      if (this.#turn.isOver) {
        this.#buffer(copyFrom(chunk, at));
        break;
      }
    }
    release(chunk);
  }

  #handOver(piece: Uint8Array): void {
    try {
      this.#emit.call(this.#connection, "data", piece);
    } catch (error) {
      this.#requests.onError(error);
    }
    this.#requests.current()?.flushBody();
  }

  #append(chunk: Uint8Array): void {
    this.#buffered = this.#buffered ? concatBytes(this.#buffered, chunk) : chunk;
  }

  /** It waits for its turn. */
  #buffer(chunk: Uint8Array): void {
    this.#append(chunk);
    this.#connection.pause();
    if (this.#isWaiting) return;
    this.#isWaiting = "turn";
    this.#turn.next(() => this.#resume(), chunk.length);
  }

  /** It waits until responses were sent. That its client leaves is noticed meanwhile, unless it has sent much. */
  #hold(chunk: Uint8Array): void {
    this.#append(chunk);
    if (this.buffered > MAX_HELD) this.#connection.pause();
    if (this.#isWaiting) return;
    this.#isWaiting = "room";
    this.#requests.whenRoom(() => {
      this.#isWaiting = "turn";
      this.#turn.next(() => this.#resume(), this.buffered);
    });
  }

  #resume(): void {
    this.#isWaiting = undefined;
    const buffered = this.#buffered;
    this.#buffered = undefined;
    if (this.#connection.destroyed) return;
    // Before anything is handed over: a listener may pause it again.
    if (!this.#ended && this.#requests.mayParse(false)) this.#connection.resume();
    if (buffered) this.#deliver(buffered, this.#turn.now());
    if (this.#ended && !this.#isWaiting) this.#emit.call(this.#connection, "end");
  }
}

/** A copy, which `slice` of Node's buffers is not. */
function copyFrom(chunk: Uint8Array, at: number): Uint8Array {
  return new Uint8Array(chunk.subarray(at));
}

/**
 * Frees the memory of what HTTP has parsed: V8 would not free it before there are hundreds of MiB of such garbage, and
 * parsers, of which a thousand are kept for reuse, hold on to their last input.
 */
function release({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && byteLength > 0) buffer.transfer(0);
}
