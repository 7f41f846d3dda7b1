/**
 * The body of a request of `node:http`, as the stream of the web.
 *
 * @module
 */

import type { Socket } from "node:net";

/** With this many bytes that are not read, nothing more is read from the connection. */
const MAX_UNREAD = 64 * 1024;

/** Hands over a body as fast as it is read. Whoever cancels the stream does not get the rest, which is dropped. */
export class RequestBody {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #socket: Socket;
  #controller!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
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
    if (this.#state === "over") return true;
    this.#controller.enqueue(part);
    return this.#controller.desiredSize! > -MAX_UNREAD;
  }

  /** All of it has come. */
  end(): void {
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
    // Node pauses a connection whose responses are not read; it continues by itself.
    const { _paused: isHeldBack } = this.#socket as Socket & { readonly _paused?: boolean };
    if (!isHeldBack && this.#socket.readable && this.#socket.isPaused()) this.#socket.resume();
  }
}
