/**
 * A client that says exactly what a test has it say, from the first byte of the handshake on.
 *
 * @module
 */

import { FrameReader, OPCODE } from "../../client/deno/frame_reader.ts";
import { FrameWriter, writeToEnd } from "../../client/deno/frame_writer.ts";

/** What came: a text, or the end with its close code (1006 if there was none). */
export type HandshakeEvent = { readonly text: string } | { readonly code: number };

const END = "\r\n\r\n";

/** The headers of a request for a WebSocket, without a Host. */
export const UPGRADE = {
  "Connection": "Upgrade",
  "Upgrade": "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": btoa("0123456789abcdef"),
};

/** A request, and what came of it. */
export class RawHandshake implements Disposable {
  readonly #conn: Deno.Conn;
  readonly #frames = new FrameReader();
  readonly #writer = new FrameWriter();
  #closed = false;
  /** All that the server said: the answer to the handshake, then every frame. */
  readonly received: string[] = [];
  /** The status of the answer. */
  readonly status: number;

  private constructor(conn: Deno.Conn, head: string, rest: Uint8Array) {
    this.#conn = conn;
    this.status = Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]);
    this.received.push(head);
    if (this.status === 101) {
      this.#frames.freeSpace().set(rest);
      this.#frames.advance(rest.length);
    } else this.received.push(new TextDecoder().decode(rest));
  }

  /** Asks a port of this machine; a header that is `undefined` is left out. */
  static async at(
    port: number,
    headers: Readonly<Record<string, string | undefined>>,
    path = "/",
  ): Promise<RawHandshake> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const lines = Object.entries(headers).filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}: ${value}`);
    const request = [`GET ${path} HTTP/1.1`, ...lines].join("\r\n") + END;
    await writeToEnd(conn, new TextEncoder().encode(request));
    const bytes: number[] = [];
    const buffer = new Uint8Array(16 * 1024);
    for (;;) {
      const count = await conn.read(buffer);
      if (count === null) break;
      bytes.push(...buffer.subarray(0, count));
      const text = String.fromCharCode(...bytes);
      const end = text.indexOf(END);
      if (end >= 0) {
        const rest = new Uint8Array(bytes).slice(end + END.length);
        return new RawHandshake(conn, text.slice(0, end), rest);
      }
    }
    conn.close();
    throw new Error("the connection ended before the answer");
  }

  /** Says something, as JSON. */
  async send(value: unknown): Promise<void> {
    this.#writer.text(JSON.stringify(value));
    // It may be closed already: what comes then says so.
    await writeToEnd(this.#conn, this.#writer.take()).catch(() => {});
  }

  /** What comes next. */
  async next(): Promise<HandshakeEvent> {
    for (;;) {
      const frame = this.#frames.next();
      if (!frame) {
        const count = await this.#conn.read(this.#frames.freeSpace()).catch(() => null);
        if (count === null) return { code: 1006 };
        this.#frames.advance(count);
        continue;
      }
      const text = new TextDecoder().decode(frame.payload.slice(
        frame.opcode === OPCODE.close ? 2 : 0,
      ));
      this.received.push(text);
      if (frame.opcode === OPCODE.text) return { text };
      if (frame.opcode === OPCODE.close) {
        return { code: frame.payload[0]! << 8 | frame.payload[1]! };
      }
    }
  }

  /** Says something and returns what comes next: JSON, or the close code. */
  // deno-lint-ignore no-explicit-any -- a test looks at what it expects
  async request(value: unknown): Promise<any> {
    await this.send(value);
    const received = await this.next();
    return "code" in received ? received.code : JSON.parse(received.text);
  }

  /** Hangs up, without a goodbye. May be called twice. */
  [Symbol.dispose](): void {
    if (!this.#closed) this.#conn.close();
    this.#closed = true;
  }
}
