/**
 * A WebSocket client for Deno that does not hold back what it sends.
 *
 * Why not Deno's own? Its client sends the header and the payload of a message above 1,024 bytes in two writes and leaves
 * Nagle's algorithm on: the system holds back the second until the first is acknowledged, which the other end delays.
 * Measured with Deno 2.9.6 by `bench/stall.ts`, on one machine and over 20 ms of round trip (p50 of one `put` of 8,000
 * bytes): Deno's own 44 ms and 64 ms; the same behind a tiny request, whose reply acknowledges the header, 0.1 ms and 46 ms;
 * this one 0.1 ms and 23 ms. `npm:ws` is as fast, but needs the permission to read the environment; and any package would end
 * up in browser bundles, and be missing in compiled binaries. Once Deno's client sets TCP_NODELAY, this folder can go: only
 * `resolveDial` in `client/dial.ts` uses it.
 *
 * @module
 */

import { DsmqError } from "../../protocol/errors.ts";
import type { Socket } from "../socket.ts";
import { unansweredError } from "./connect_failure.ts";
import {
  decodeUtf8,
  FrameError,
  FrameReader,
  MessageReader,
  OPCODE,
  type WebSocketFrame,
} from "./frame_reader.ts";
import { FrameWriter, writeToEnd } from "./frame_writer.ts";
import { type DenoNet, SocketOpening, type TcpConn } from "./socket_opening.ts";
import { TimeSlice } from "./time_slice.ts";

/** How long the other end has to answer a close frame, in milliseconds. */
const CLOSE_TIMEOUT = 1000;

/** After this many frames of one read, it checks whether other work waits. */
const FRAMES_PER_SLICE_CHECK = 64;

/** The close code for a connection that broke without a close frame, section 7.1.5. */
const ABNORMAL_CLOSURE = 1006;

/** The part of a `WebSocket` that a connection uses, over a TCP connection without delay. */
export class DenoSocket implements Socket {
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  onerror: Socket["onerror"] = null;

  readonly #frameReader = new FrameReader();
  readonly #messageReader = new MessageReader();
  readonly #opening: SocketOpening;
  #conn: TcpConn | undefined;
  readonly #writer = new FrameWriter();
  #isWriting = false;
  #state: "connecting" | "open" | "closing" | "closed" = "connecting";
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  #received = 0;
  /** The payload of a ping that is not answered yet. */
  #pong: Uint8Array<ArrayBuffer> | undefined;

  /**
   * Begins to connect.
   *
   * @param net Deno's network
   * @param url a ws: or wss: address
   * @param protocols the subprotocols to offer
   * @param token sent with the request, if there is one
   */
  constructor(net: DenoNet, url: string, protocols: readonly string[], token?: string) {
    this.#opening = new SocketOpening(net, protocols, token);
    void this.#open(new URL(url));
  }

  /** How many bytes have arrived since the socket was opened. */
  get bytesReceived(): number {
    return this.#received;
  }

  /** How many bytes wait to be written. */
  get bufferedAmount(): number {
    return this.#writer.length;
  }

  /** The largest message that is accepted, in bytes. */
  get maxMessageBytes(): number {
    return this.#frameReader.maxBytes;
  }

  /** Counts for a message that has begun, too. */
  set maxMessageBytes(bytes: number) {
    this.#frameReader.maxBytes = this.#messageReader.maxBytes = bytes;
  }

  /** Sends a text message. Does nothing unless the socket is open. */
  send(text: string): void {
    if (this.#state !== "open") return;
    this.#writer.text(text);
    this.#write();
  }

  /** Sends a close frame, and drops the connection if it is not answered in time. */
  close(code: number = 1000, reason: string = ""): void {
    if (this.#state === "connecting") {
      this.#end(ABNORMAL_CLOSURE, "", unansweredError(this.#opening.phase));
    }
    if (this.#state !== "open") return;
    this.#sendCloseFrame(code, reason);
    this.#closeTimer = setTimeout(() => this.#end(ABNORMAL_CLOSURE, ""), CLOSE_TIMEOUT);
  }

  async #open(url: URL): Promise<void> {
    try {
      const opening = await this.#opening.open(url);
      if (!opening) return;
      this.#conn = opening.conn;
      // It was closed while it was being opened.
      if (this.#isClosed) return this.#closeConn();
      this.#state = "open";
      this.#callHandler(this.onopen, new Event("open"));
      this.#frameReader.freeSpace().set(opening.remainder);
      this.#frameReader.advance(opening.remainder.length);
      await this.#receive(opening.conn);
      this.#end(ABNORMAL_CLOSURE, "");
    } catch (error) {
      if (!(error instanceof FrameError)) return this.#end(ABNORMAL_CLOSURE, "", error);
      this.#sendCloseFrame(error.code, error.message);
      this.#end(error.code, error.message, new DsmqError("protocol_error", error.message));
    }
  }

  async #receive(conn: TcpConn): Promise<void> {
    const slice = new TimeSlice();
    let frames = 0;
    while (!this.#isClosed) {
      for (let frame; !this.#isClosed && (frame = this.#frameReader.next());) {
        this.#onFrame(frame);
        // Replies are sent before the next frame is handled, so that both ends keep working.
        await (++frames % FRAMES_PER_SLICE_CHECK === 0 ? slice.yieldIfOver() : undefined);
      }
      if (this.#isClosed) return;
      const turn = slice.yieldIfOver();
      if (turn) await turn;
      const count = await conn.read(this.#frameReader.freeSpace());
      slice.afterRead();
      if (count === null) return;
      this.#received += count;
      this.#frameReader.advance(count);
    }
  }

  get #isClosed(): boolean {
    return this.#state === "closed";
  }

  #onFrame(frame: WebSocketFrame): void {
    switch (frame.opcode) {
      case OPCODE.ping:
        // Of several waiting pongs the last one is enough: section 5.5.3.
        this.#pong = frame.payload.slice();
        return this.#write();
      case OPCODE.pong:
        return;
      case OPCODE.close:
        return this.#onCloseFrame(frame.payload);
    }
    const data = this.#messageReader.take(frame);
    if (data === undefined || this.#state !== "open") return;
    this.#callHandler(this.onmessage, { data } as MessageEvent);
  }

  #onCloseFrame(payload: Uint8Array<ArrayBuffer>): void {
    if (payload.length === 1) throw new FrameError(1002, "half a close code");
    const code = payload.length === 0 ? 1005 : payload[0]! << 8 | payload[1]!;
    if (payload.length > 0 && !isSendableCode(code)) {
      throw new FrameError(1002, `a close with code ${code}`);
    }
    const reason = decodeUtf8(payload.subarray(2));
    this.#sendCloseFrame(code === 1005 ? 1000 : code, "");
    this.#end(code, reason);
  }

  #sendCloseFrame(code: number, reason: string): void {
    if (this.#state !== "open") return;
    const text = new TextEncoder().encode(reason).subarray(0, 123);
    this.#writer.control(OPCODE.close, new Uint8Array([code >> 8, code & 255, ...text]));
    this.#write();
    this.#state = "closing";
  }

  #write(): void {
    if (!this.#isWriting) void this.#writeAll();
  }

  /** Writes what waits; what is sent meanwhile is written together. */
  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    try {
      while (this.#writer.hasData || this.#pong) {
        if (this.#pong) this.#writer.control(OPCODE.pong, this.#pong);
        this.#pong = undefined;
        await writeToEnd(this.#conn!, this.#writer.take());
      }
    } catch {
      this.#end(ABNORMAL_CLOSURE, "");
    } finally {
      this.#isWriting = false;
      if (this.#isClosed) this.#closeConn();
    }
  }

  /** Ends the socket, once, and calls the handlers. */
  #end(code: number, reason: string, error?: unknown): void {
    if (this.#isClosed) return;
    this.#state = "closed";
    clearTimeout(this.#closeTimer);
    this.#opening.abort();
    const wasClean = code !== ABNORMAL_CLOSURE;
    // A close frame that is being written gets some time.
    if (wasClean && this.#isWriting) {
      this.#closeTimer = setTimeout(() => this.#closeConn(), CLOSE_TIMEOUT);
    } else this.#closeConn();
    if (!wasClean || error) this.#callHandler(this.onerror, new ErrorEvent("error", { error }));
    this.#callHandler(this.onclose, { code, reason, wasClean: wasClean } as CloseEvent);
  }

  /** What a handler throws is reported, as with every WebSocket, and the socket continues. */
  #callHandler<E extends Event>(
    handler: ((this: never, event: E) => unknown) | null,
    event: E,
  ): void {
    try {
      handler?.call(this as never, event);
    } catch (error) {
      reportError(error);
    }
  }

  #closeConn(): undefined {
    clearTimeout(this.#closeTimer);
    try {
      this.#conn?.close();
    } catch {
      // It is closed already.
    }
    this.#conn = undefined;
  }
}

/** Whether a close frame may have that code, section 7.4. */
function isSendableCode(code: number): boolean {
  return (code >= 3000 && code <= 4999) ||
    (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006);
}
