/**
 * The body of a request of `node:http`, as the stream of the web.
 *
 * @module
 */

import type { Socket } from "node:net";
import { isHeldBack } from "./node_http_exchanges.ts";

/** With this many bytes that are not read, nothing more is read from the connection. */
const MAX_UNREAD = 64 * 1024;

/** Parts up to this size are put together, in bytes: to hand over each would take longer than to parse it. */
const SMALL_PART = 1024;

/** Frees a part that nobody reads: V8 would not do that before there are hundreds of MiB of such garbage. */
export function discard({ buffer, byteLength }: Uint8Array<ArrayBuffer>): void {
  // Small ones may share a buffer.
  if (byteLength > SMALL_PART && byteLength === buffer.byteLength) buffer.transfer(0);
}

/** Hands over a body as fast as it is read. Whoever cancels the stream does not get the rest, which is dropped. */
export class RequestBody {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #socket: Socket;
  #controller!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  /** Small parts that were not handed over yet. */
  readonly #small: Uint8Array<ArrayBuffer>[] = [];
  #state: "unread" | "reading" | "over" = "unread";

  /**
   * Starts with nothing.
   *
   * @param socket the connection
   * @param onRead is called when it is read for the first time
   */
  constructor(socket: Socket, onRead: () => void) {
    this.#socket = socket;
    this.stream = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => {
        if (this.#state === "unread") {
          this.#state = "reading";
          onRead();
        }
        this.#resume();
      },
      cancel: () => this.drop(),
      // Otherwise it would be read before anybody asks for it.
    }, { highWaterMark: 0, size: ({ length }) => length });
  }

  /** It is being read: most likely to its end. */
  get isRead(): boolean {
    return this.#state === "reading";
  }

  /** A part has come. Returns whether more may come at once. */
  add(part: Uint8Array<ArrayBuffer>): boolean {
    if (this.#state === "over") discard(part);
    else if (part.length <= SMALL_PART) this.#small.push(part);
    else {
      this.flush();
      this.#controller.enqueue(part);
    }
    return this.#state === "over" || this.#controller.desiredSize! > -MAX_UNREAD;
  }

  /** Hands over small parts that have come. */
  flush(): void {
    const parts = this.#small.splice(0);
    if (parts.length === 0 || this.#state === "over") return;
    this.#controller.enqueue(parts.length === 1 ? parts[0]! : joined(parts));
  }

  /** All of it has come. */
  end(): void {
    this.flush();
    if (this.#state !== "over") this.#controller.close();
    this.#state = "over";
  }

  /** The rest will not come. */
  fail(reason: Error): void {
    if (this.#state !== "over") this.#controller.error(reason);
    this.#state = "over";
  }

  /** Nobody wants the rest. */
  drop(): void {
    this.#state = "over";
    this.#resume();
  }

  #resume(): void {
    const socket = this.#socket;
    if (!isHeldBack(socket) && socket.readable && socket.isPaused()) socket.resume();
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
