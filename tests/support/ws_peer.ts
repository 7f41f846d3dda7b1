/**
 * The server's end of a WebSocket, byte by byte: what RFC 6455 permits a server to send, and what it does not.
 *
 * @module
 */

import { concat } from "./bytes.ts";

/** A frame as a client sent it, unmasked. */
export interface ClientFrame {
  readonly final: boolean;
  readonly opcode: number;
  readonly payload: Uint8Array;
}

const encoder = new TextEncoder();

/** A frame as a server sends it, or with a first byte and a mask bit of the test's choice. */
export function serverFrame(
  opcode: number,
  payload: string | Uint8Array = "",
  { final = true, reserved = 0, masked = false } = {},
): Uint8Array<ArrayBuffer> {
  const bytes = typeof payload === "string" ? encoder.encode(payload) : payload;
  const length = bytes.length;
  const header = length < 126 ? [length] : length < 65536 ? [126, length >> 8, length & 255] : [
    127,
    ...new Uint8Array(new BigUint64Array([BigInt(length)]).buffer).reverse(),
  ];
  header[0]! |= masked ? 128 : 0;
  return new Uint8Array([(final ? 128 : 0) | reserved | opcode, ...header, ...bytes]);
}

/** Takes the complete frames off bytes that a client sent; the rest stays. */
export function clientFrames(bytes: Uint8Array): { frames: ClientFrame[]; rest: Uint8Array } {
  const frames: ClientFrame[] = [];
  let at = 0;
  while (true) {
    const remaining = bytes.subarray(at);
    if (remaining.length < 2) break;
    const view = new DataView(remaining.buffer, remaining.byteOffset, remaining.length);
    if ((remaining[1]! & 128) === 0) throw new Error("a client's frame must be masked");
    const short = remaining[1]! & 127;
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (remaining.length < head + 4) break;
    const length = short < 126
      ? short
      : short === 126
      ? view.getUint16(2)
      : Number(view.getBigUint64(2));
    if (length < (short === 126 ? 126 : short === 127 ? 65536 : 0)) {
      throw new Error("a length must be encoded as short as possible");
    }
    if (remaining.length < head + 4 + length) break;
    const key = remaining.subarray(head, head + 4);
    const payload = remaining.slice(head + 4, head + 4 + length).map((byte, i) =>
      byte ^ key[i % 4]!
    );
    frames.push({ final: (remaining[0]! & 128) !== 0, opcode: remaining[0]! & 127, payload });
    at += head + 4 + length;
  }
  return { frames, rest: bytes.subarray(at) };
}

/** The server's end of a connection. What is written when the client has gone is lost. */
export class ServerEnd {
  /** The client has gone, or was cut off. */
  gone = false;
  readonly #conn: Deno.Conn;
  readonly #frames: ClientFrame[] = [];
  /** The bytes of an incomplete frame: it grows by doubling, or a long frame would be copied for every packet of it. */
  #buffer = new Uint8Array(64 * 1024);
  #length = 0;

  /** Takes over a connection. */
  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** Reads the HTTP request; what there is of it, if the client goes before. */
  async request(): Promise<string> {
    let head = "";
    while (!head.endsWith("\r\n\r\n")) {
      const bytes = await this.#read();
      if (!bytes) break;
      head += new TextDecoder().decode(bytes);
    }
    return head;
  }

  /** Reads the request and answers it properly; with more behind, in the same packet. */
  async open(...more: Uint8Array[]): Promise<void> {
    const request = await this.request();
    if (this.gone) return;
    await this.send([encoder.encode(await handshake(request)), ...more].reduce(concat));
  }

  /** Writes bytes, or text as bytes; `false` if the client has gone. */
  async send(what: string | Uint8Array): Promise<boolean> {
    const bytes = typeof what === "string" ? encoder.encode(what) : what;
    try {
      for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
    } catch {
      this.gone = true;
    }
    return !this.gone;
  }

  /** The next frame of the client; `undefined` once it has gone. */
  async frame(): Promise<ClientFrame | undefined> {
    while (this.#frames.length === 0) {
      const bytes = await this.#read();
      if (!bytes) return undefined;
      this.#append(bytes);
      const { frames, rest } = clientFrames(this.#buffer.subarray(0, this.#length));
      this.#frames.push(...frames);
      if (frames.length > 0) this.#buffer.copyWithin(0, this.#length - rest.length, this.#length);
      this.#length = rest.length;
    }
    return this.#frames.shift();
  }

  /** Reads and discards all that comes, until the client has gone. */
  async skim(): Promise<void> {
    while (await this.#read());
  }

  /** Cuts the connection. */
  cut(): void {
    this.gone = true;
    try {
      this.#conn.close();
    } catch {
      // It is closed already.
    }
  }

  #append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(2 * length);
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length = length;
  }

  async #read(): Promise<Uint8Array | undefined> {
    const buffer = new Uint8Array(64 * 1024);
    // A reset connection has ended as well.
    const count = await this.#conn.read(buffer).catch(() => null);
    if (count === null) this.gone = true;
    return count === null ? undefined : buffer.subarray(0, count);
  }
}

/** A server for one connection at a time. */
export class WebSocketPeer implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  #end: ServerEnd | undefined;

  /** Where to connect. */
  get url(): string {
    return `ws://127.0.0.1:${this.#listener.addr.port}/`;
  }

  /** Accepts a connection, and reads its request. */
  async accept(): Promise<string> {
    return await (await this.#accepted()).request();
  }

  /** Accepts a connection and answers it properly; with more behind, in the same packet. */
  async open(...more: Uint8Array[]): Promise<void> {
    await (await this.#accepted()).open(...more);
  }

  /** Writes bytes. */
  async send(bytes: Uint8Array | string): Promise<void> {
    await this.#end!.send(bytes);
  }

  /** The next frame of the client; `undefined` if it has ended. */
  next(): Promise<ClientFrame | undefined> {
    return this.#end!.frame();
  }

  /** Cuts the connection. */
  cut(): void {
    this.#end?.cut();
    this.#end = undefined;
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    this.cut();
  }

  async #accepted(): Promise<ServerEnd> {
    this.#end = new ServerEnd(await this.#listener.accept());
    return this.#end;
  }
}

/** The answer to a request for a WebSocket, with headers of the test's choice beside or instead. */
export async function handshake(
  request: string,
  others: Readonly<Record<string, string | undefined>> = {},
): Promise<string> {
  const key = /^sec-websocket-key: (.*)\r$/im.exec(request)![1]!;
  const text = encoder.encode(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-1", text));
  const headers = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Accept": btoa(String.fromCharCode(...digest)),
    ...others,
  };
  const lines = Object.entries(headers).filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 101 Switching Protocols\r\n${lines.join("")}\r\n`;
}
