/**
 * The client's end of a WebSocket, byte by byte: what RFC 6455 permits a client to send, and what it does not. It knows
 * nothing of our own client.
 *
 * @module
 */

const encoder = new TextEncoder();

/** A frame as a client sends it, or without its mask. The mask is all zeros, so the payload stays as it is. */
export function clientFrame(
  opcode: number,
  payload: string | Uint8Array = "",
  { final = true, masked = true } = {},
): Uint8Array<ArrayBuffer> {
  const bytes = typeof payload === "string" ? encoder.encode(payload) : payload;
  const length = bytes.length;
  const head = length < 126
    ? [length]
    : length < 65536
    ? [126, length >> 8, length & 255]
    : [127, 0, 0, 0, 0, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255];
  head[0]! |= masked ? 128 : 0;
  const mask = masked ? [0, 0, 0, 0] : [];
  const frame = new Uint8Array(1 + head.length + mask.length + length);
  frame.set([(final ? 128 : 0) | opcode, ...head, ...mask]);
  frame.set(bytes, frame.length - length);
  return frame;
}

/** The headers of a request for a WebSocket, without a Host. */
export const UPGRADE = {
  "Connection": "Upgrade",
  "Upgrade": "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": btoa("0123456789abcdef"),
};

/** A request with these headers; one that is `undefined` is left out. */
export function getRequest(
  headers: Readonly<Record<string, string | undefined>>,
  path = "/",
): string {
  const lines = Object.entries(headers).filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

/** A request for a WebSocket, with more headers of the test's choice. */
export function upgradeRequest(...more: string[]): string {
  const lines = more.map((line) => `${line}\r\n`).join("");
  return getRequest({ Host: "localhost", ...UPGRADE }).replace(/\r\n$/, `${lines}\r\n`);
}

/** A frame of the server. */
export interface ServerFrame {
  readonly final: boolean;
  readonly opcode: number;
  readonly payload: Uint8Array;
}

/** Over TLS there is no such setting. */
type RawConn = Deno.Conn & Partial<Pick<Deno.TcpConn, "setNoDelay">>;

/** One end of a connection. */
export class RawSocket implements Disposable {
  readonly conn: RawConn;
  #rest: Uint8Array = new Uint8Array();
  #open = true;

  private constructor(conn: RawConn) {
    this.conn = conn;
  }

  /** Connects, and sends nothing yet. */
  static async connect(port: number): Promise<RawSocket> {
    return new RawSocket(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** Connects over TLS, and trusts one certificate alone. */
  static async connectTls(port: number, cert: string): Promise<RawSocket> {
    return new RawSocket(
      await Deno.connectTls({ hostname: "localhost", port, caCerts: [cert] }),
    );
  }

  /** Connects, and is accepted. */
  static async open(port: number, ...headers: string[]): Promise<RawSocket> {
    const client = await RawSocket.connect(port);
    await client.send(upgradeRequest(...headers));
    const head = await client.head();
    if (head.startsWith("HTTP/1.1 101")) return client;
    client.cut();
    throw new Error(`the request was refused: ${head}`);
  }

  /** Writes; an error if the other end has gone. */
  async send(what: string | Uint8Array): Promise<void> {
    const bytes = typeof what === "string" ? encoder.encode(what) : what;
    for (let at = 0; at < bytes.length;) at += await this.conn.write(bytes.subarray(at));
  }

  /** Reads the head of an HTTP response; what there is of it, if it ends before. */
  async head(): Promise<string> {
    let head = "";
    while (!head.endsWith("\r\n\r\n")) {
      const byte = await this.#take(1);
      if (!byte) break;
      head += String.fromCharCode(byte[0]!);
    }
    return head;
  }

  /** Reads this many bytes as text. */
  async text(bytes: number): Promise<string> {
    return new TextDecoder().decode(await this.#take(bytes));
  }

  /** The next frame; `undefined` at the end. */
  async next(): Promise<ServerFrame | undefined> {
    const head = await this.#take(2);
    if (!head) return undefined;
    const short = head[1]! & 127;
    const more = short < 126 ? head.subarray(1) : await this.#take(short === 126 ? 2 : 8);
    const length = more?.reduce((sum, byte) => sum * 256 + byte, 0);
    const payload = length === undefined ? undefined : await this.#take(length);
    return payload && { final: head[0]! >= 128, opcode: head[0]! & 15, payload };
  }

  /** The code with which the server closes, whatever comes before; `undefined` without a close frame. */
  async closeCode(): Promise<number | undefined> {
    for (let frame; (frame = await this.next()) !== undefined;) {
      const { opcode, payload } = frame;
      if (opcode === 8) return payload.length < 2 ? 1005 : payload[0]! * 256 + payload[1]!;
    }
    return undefined;
  }

  /** Reads some bytes and discards them; returns how many, and 0 once the other end has gone. */
  async discard(max: number): Promise<number> {
    if (this.#rest.length > 0) {
      const { length } = this.#rest;
      this.#rest = new Uint8Array();
      return length;
    }
    return (await this.#read(max))?.length ?? 0;
  }

  /** Cuts the connection without a close frame. May be called twice. */
  cut(): void {
    if (this.#open) this.conn.close();
    this.#open = false;
  }

  [Symbol.dispose](): void {
    this.cut();
  }

  async #take(count: number): Promise<Uint8Array | undefined> {
    if (this.#rest.length >= count) {
      const taken = this.#rest.subarray(0, count);
      this.#rest = this.#rest.subarray(count);
      return taken;
    }
    const all = new Uint8Array(count);
    all.set(this.#rest);
    for (let length = this.#rest.length; length < count;) {
      const bytes = await this.#read(64 * 1024);
      if (!bytes) return undefined;
      all.set(bytes.subarray(0, count - length), length);
      this.#rest = bytes.subarray(count - length);
      length += bytes.length;
    }
    return all;
  }

  async #read(max: number): Promise<Uint8Array | undefined> {
    const buffer = new Uint8Array(max);
    try {
      const count = await this.conn.read(buffer);
      return count === null ? undefined : buffer.subarray(0, count);
    } catch {
      // A reset is an end as well.
      return undefined;
    }
  }
}
