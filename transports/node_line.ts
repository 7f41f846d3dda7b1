/**
 * The line to a peer over `npm:ws`.
 *
 * @module
 */

import type { Socket } from "node:net";
import { Line, LOW_WATER, type Shared } from "./line.ts";
import type { Peer, Visit } from "./transport.ts";

/** How long one who broke the rules has to hear why, in milliseconds. */
const LAST_WORD = 1000;

/** The part of a WebSocket of `npm:ws` that is used. */
export interface Socketry {
  readonly bufferedAmount: number;
  on(event: "message", listener: (data: Uint8Array, isBinary: boolean) => void): void;
  on(event: "close" | "error", listener: () => void): void;
  send(frame: string): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

/**
 * What a socket was given in one go it reports as read when all of it was. So it gets a little at a time,
 * and the rest waits here: otherwise who reads slowly would look like who does not read.
 */
export class NodeLine extends Line {
  readonly #socket: Socketry;
  #waiting: string[] = [];
  /** In characters. */
  #waitingSize = 0;
  /** Said once nothing waits. */
  #goodbye: { code: number; reason: string } | undefined;

  constructor(
    socket: Socketry,
    connection: Socket,
    arrived: (peer: Peer) => Visit,
    shared: Shared,
  ) {
    super(arrived, shared);
    this.#socket = socket;
    connection.on("drain", () => this.#goOn());
    socket.on("message", (data, isBinary) => this.received(isBinary ? data : `${data}`));
    let cut: ReturnType<typeof setTimeout> | undefined;
    socket.on("close", () => {
      clearTimeout(cut);
      this.ended();
    });
    // It broke the rules of WebSockets, and is being told so. Without a listener that would end the process.
    socket.on("error", () => {
      this.ended();
      cut ??= setTimeout(() => socket.terminate(), LAST_WORD);
      // Later: it is just about to be read on, to throw away what comes. Nothing more shall come.
      setTimeout(() => connection.pause(), 0);
    });
    this.opened();
  }

  protected override measure(): number {
    return this.#socket.bufferedAmount + this.#waitingSize;
  }

  protected override transmit(frame: string): void {
    if (this.#goodbye) return;
    if (this.#waiting.length === 0 && this.#socket.bufferedAmount < LOW_WATER) {
      return this.#socket.send(frame);
    }
    this.#waiting.push(frame);
    this.#waitingSize += frame.length;
  }

  protected override sayGoodbye(code: number, reason: string): void {
    if (this.#goodbye) return;
    this.#goodbye = { code, reason };
    if (this.#waiting.length === 0) this.#socket.close(code, reason);
  }

  protected override hangUp(): void {
    this.#waiting = [];
    this.#waitingSize = 0;
    this.#socket.terminate();
  }

  /** The connection has taken all that it was given. */
  #goOn(): void {
    let sent = 0;
    for (let size = 0; sent < this.#waiting.length && size < LOW_WATER; sent++) {
      const frame = this.#waiting[sent]!;
      size += frame.length;
      this.#socket.send(frame);
    }
    for (const { length } of this.#waiting.splice(0, sent)) this.#waitingSize -= length;
    if (sent > 0 && this.#waiting.length === 0 && this.#goodbye) {
      this.#socket.close(this.#goodbye.code, this.#goodbye.reason);
    }
    this.wasRead();
  }
}
