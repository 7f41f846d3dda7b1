/**
 * A WebSocket client for Deno that does not hold back what it sends.
 *
 * Why not Deno's own? Its client sends the header and the payload of a message above 1,024 bytes in two
 * writes and leaves Nagle's algorithm on: the system holds the second until the first is acknowledged, and
 * the other end takes its time with that. Measured with Deno 2.9.6 by `bench/stall.ts`, on one machine and over
 * 20 ms there and back (p50 of one `put` of 8,000 bytes): Deno's own 44 ms and 64 ms; the same behind a tiny
 * request, whose answer acknowledges the header, 0.1 ms and 46 ms; this 0.1 ms and 23 ms.
 * `npm:ws` is as fast, but may not be imported without leave to read the environment; and any package would
 * end up in what is bundled for browsers, and be missing in what is compiled. Once Deno's client sets
 * TCP_NODELAY, this folder can go: `dialler` in `client/dial.ts` is the only one who asks for it.
 *
 * @module
 */

import { DsmqError } from "../../protocol/errors.ts";
import type { Socket } from "../dial.ts";
import { unanswered } from "./failures.ts";
import { type Frame, FrameError, FrameReader, OPCODE } from "./frames.ts";
import { writeAll } from "./handshake.ts";
import { decoded, MessageReader } from "./messages.ts";
import { type Conn, type DenoNet, Opening } from "./opening.ts";
import { TimeSlice } from "./time_slice.ts";
import { FrameWriter } from "./writer.ts";

/** How long the other end has to answer a goodbye, in milliseconds. */
const GOODBYE = 1000;

/** After how many frames of one read to look whether others are kept waiting. */
const FRAMES_A_LOOK = 64;

/** The close code for a connection that broke without a word, section 7.1.5. */
const BROKEN = 1006;

/** The part of a `WebSocket` that a connection uses, over a TCP connection without delay. */
export class DenoSocket implements Socket {
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  onerror: Socket["onerror"] = null;

  readonly #frames = new FrameReader();
  readonly #messages = new MessageReader();
  readonly #opening: Opening;
  #conn: Conn | undefined;
  readonly #outgoing = new FrameWriter();
  #writing = false;
  #state: "connecting" | "open" | "closing" | "closed" = "connecting";
  #goodbye: ReturnType<typeof setTimeout> | undefined;
  #received = 0;
  /** What a ping brought and is not answered yet. */
  #pong: Uint8Array<ArrayBuffer> | undefined;

  /**
   * Begins to connect.
   *
   * @param net Deno's network
   * @param url a ws: or wss: address
   * @param protocols the subprotocols to offer
   * @param token goes with the request, if there is one
   */
  constructor(net: DenoNet, url: string, protocols: readonly string[], token?: string) {
    this.#opening = new Opening(net, protocols, token);
    void this.#run(new URL(url));
  }

  /** How many bytes have come since the socket was opened. */
  get bytesReceived(): number {
    return this.#received;
  }

  /** How many bytes were sent and are not being written yet. */
  get bufferedAmount(): number {
    return this.#outgoing.length;
  }

  /** The largest message that is taken, in bytes. */
  get largestMessage(): number {
    return this.#frames.largest;
  }

  /** Also of a message that has begun. */
  set largestMessage(bytes: number) {
    this.#frames.largest = this.#messages.largest = bytes;
  }

  /** Sends a text message; in vain unless the socket is open. */
  send(text: string): void {
    if (this.#state !== "open") return;
    this.#outgoing.text(text);
    this.#write();
  }

  /** Says goodbye; whoever does not answer it in time is left. */
  close(code: number = 1000, reason: string = ""): void {
    if (this.#state === "connecting") this.#end(BROKEN, "", unanswered(this.#opening.phase));
    if (this.#state !== "open") return;
    this.#sayGoodbye(code, reason);
    this.#goodbye = setTimeout(() => this.#end(BROKEN, ""), GOODBYE);
  }

  async #run(url: URL): Promise<void> {
    try {
      const opened = await this.#opening.open(url);
      if (!opened) return;
      this.#conn = opened.conn;
      // It was closed in the moment in which it was opened.
      if (this.#closed) return this.#drop();
      this.#state = "open";
      this.#tell(this.onopen, new Event("open"));
      this.#frames.room().set(opened.rest);
      this.#frames.took(opened.rest.length);
      await this.#receive(opened.conn);
      this.#end(BROKEN, "");
    } catch (error) {
      if (!(error instanceof FrameError)) return this.#end(BROKEN, "", error);
      this.#sayGoodbye(error.code, error.message);
      this.#end(error.code, error.message, new DsmqError("bad_answer", error.message));
    }
  }

  async #receive(conn: Conn): Promise<void> {
    const slice = new TimeSlice();
    let frames = 0;
    while (!this.#closed) {
      for (let frame; !this.#closed && (frame = this.#frames.next());) {
        this.#arrived(frame);
        // What is said in reply leaves before the next frame is looked at: both ends stay at work.
        await (++frames % FRAMES_A_LOOK === 0 ? slice.over() : undefined);
      }
      if (this.#closed) return;
      const others = slice.over();
      if (others) await others;
      const count = await conn.read(this.#frames.room());
      slice.read();
      if (count === null) return;
      this.#received += count;
      this.#frames.took(count);
    }
  }

  get #closed(): boolean {
    return this.#state === "closed";
  }

  #arrived(frame: Frame): void {
    switch (frame.opcode) {
      case OPCODE.ping:
        // Of several pongs that wait to be written the last is enough: section 5.5.3.
        this.#pong = frame.payload.slice();
        return this.#write();
      case OPCODE.pong:
        return;
      case OPCODE.close:
        return this.#arrivedGoodbye(frame.payload);
    }
    const data = this.#messages.take(frame);
    if (data === undefined || this.#state !== "open") return;
    this.#tell(this.onmessage, { data } as MessageEvent);
  }

  #arrivedGoodbye(payload: Uint8Array<ArrayBuffer>): void {
    if (payload.length === 1) throw new FrameError(1002, "half a close code");
    const code = payload.length === 0 ? 1005 : payload[0]! << 8 | payload[1]!;
    if (payload.length > 0 && !mayBeSent(code)) {
      throw new FrameError(1002, `a close with code ${code}`);
    }
    const reason = decoded(payload.subarray(2));
    this.#sayGoodbye(code === 1005 ? 1000 : code, "");
    this.#end(code, reason);
  }

  #sayGoodbye(code: number, reason: string): void {
    if (this.#state !== "open") return;
    const text = new TextEncoder().encode(reason).subarray(0, 123);
    this.#outgoing.control(OPCODE.close, new Uint8Array([code >> 8, code & 255, ...text]));
    this.#write();
    this.#state = "closing";
  }

  #write(): void {
    if (!this.#writing) void this.#writeAll();
  }

  /** Writes what there is; what is sent meanwhile leaves together. */
  async #writeAll(): Promise<void> {
    this.#writing = true;
    try {
      while (this.#outgoing.any || this.#pong) {
        if (this.#pong) this.#outgoing.control(OPCODE.pong, this.#pong);
        this.#pong = undefined;
        await writeAll(this.#conn!, this.#outgoing.take());
      }
    } catch {
      this.#end(BROKEN, "");
    } finally {
      this.#writing = false;
      if (this.#closed) this.#drop();
    }
  }

  /** Once: it is over, and the owner is told. */
  #end(code: number, reason: string, error?: unknown): void {
    if (this.#closed) return;
    this.#state = "closed";
    clearTimeout(this.#goodbye);
    this.#opening.abort();
    const clean = code !== BROKEN;
    // A goodbye that is being written has a while to get to its end.
    if (clean && this.#writing) this.#goodbye = setTimeout(() => this.#drop(), GOODBYE);
    else this.#drop();
    if (!clean || error) this.#tell(this.onerror, new ErrorEvent("error", { error }));
    this.#tell(this.onclose, { code, reason, wasClean: clean } as CloseEvent);
  }

  /** What a handler throws is its owner's matter, as with every WebSocket: the socket goes on. */
  #tell<E extends Event>(handler: ((this: never, event: E) => unknown) | null, event: E): void {
    try {
      handler?.call(this as never, event);
    } catch (error) {
      reportError(error);
    }
  }

  #drop(): undefined {
    clearTimeout(this.#goodbye);
    try {
      this.#conn?.close();
    } catch {
      // It is closed already.
    }
    this.#conn = undefined;
  }
}

/** Whether a close frame may have that code, section 7.4. */
function mayBeSent(code: number): boolean {
  return (code >= 3000 && code <= 4999) ||
    (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006);
}
