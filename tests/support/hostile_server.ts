/**
 * A server that does what a test says, byte by byte, with each connection that comes.
 *
 * @module
 */

import { WELCOME } from "./scripted.ts";
import { clientFrames, handshake, serverFrame } from "./ws_peer.ts";

const encoder = new TextEncoder();

/** A request of a client. */
export interface HostileRequest {
  readonly action: string;
  readonly id: number;
}

/** One connection of such a server. Whatever is written when the client has gone is lost. */
export class HostilePeer {
  readonly #conn: Deno.Conn;
  #rest: Uint8Array = new Uint8Array();
  readonly #requests: HostileRequest[] = [];
  /** The client has gone. */
  gone = false;

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** Writes bytes, or text as bytes; `false` if the client has gone. */
  async say(what: string | Uint8Array): Promise<boolean> {
    const bytes = typeof what === "string" ? encoder.encode(what) : what;
    try {
      for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
    } catch {
      this.gone = true;
    }
    return !this.gone;
  }

  /** Writes a frame of text: text as it is, anything else as JSON. */
  tell(frame: unknown): Promise<boolean> {
    return this.say(serverFrame(1, typeof frame === "string" ? frame : JSON.stringify(frame)));
  }

  /** Reads the request of HTTP. */
  async asked(): Promise<string> {
    let head = "";
    while (!head.endsWith("\r\n\r\n")) {
      const bytes = await this.#read();
      if (!bytes) break;
      head += new TextDecoder().decode(bytes);
    }
    return head;
  }

  /** Opens the WebSocket. */
  async open(): Promise<void> {
    const asked = await this.asked();
    if (asked !== "") await this.say(await handshake(asked));
  }

  /** Opens the WebSocket and answers hello. */
  async greet(welcome: object = {}): Promise<void> {
    await this.open();
    const hello = await this.next();
    if (hello) await this.tell({ ...WELCOME, ...welcome, id: hello.id });
  }

  /** The next request; `undefined` once the client has gone. */
  async next(): Promise<HostileRequest | undefined> {
    while (this.#requests.length === 0) {
      const bytes = await this.#read();
      if (!bytes) return undefined;
      const all = new Uint8Array(this.#rest.length + bytes.length);
      all.set(this.#rest);
      all.set(bytes, this.#rest.length);
      const { frames, rest } = clientFrames(all);
      this.#rest = rest;
      for (const { opcode, payload } of frames) {
        if (opcode === 1) {
          this.#requests.push(...[JSON.parse(new TextDecoder().decode(payload))].flat());
        }
      }
    }
    return this.#requests.shift();
  }

  /** The next request for something. */
  async nextOf(...actions: string[]): Promise<HostileRequest | undefined> {
    for (let request; (request = await this.next());) {
      if (actions.includes(request.action)) return request;
    }
    return undefined;
  }

  /** Reads and forgets all that comes, until the client has gone. */
  async skim(): Promise<void> {
    while (await this.#read());
  }

  cut(): void {
    this.gone = true;
    try {
      this.#conn.close();
    } catch {
      // It is closed already.
    }
  }

  async #read(): Promise<Uint8Array | undefined> {
    const buffer = new Uint8Array(64 * 1024);
    const count = await this.#conn.read(buffer).catch(() => null);
    if (count === null) this.gone = true;
    return count === null ? undefined : buffer.subarray(0, count);
  }
}

/** Such a server. Connections are cut once it is through with them. */
export class HostileServer implements AsyncDisposable {
  /** How many came. */
  connections = 0;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #peers = new Set<HostilePeer>();
  readonly #serving: Promise<void>;

  /** Serves; what is done with a connection goes on until the client has gone, or it returns. */
  constructor(act: (peer: HostilePeer, port: number) => Promise<unknown>) {
    this.#serving = this.#serve(act);
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/`;
  }

  /** Cuts those that are there; others may come. */
  cut(): void {
    for (const peer of this.#peers) peer.cut();
  }

  async #serve(act: (peer: HostilePeer, port: number) => Promise<unknown>): Promise<void> {
    const acting: Promise<unknown>[] = [];
    for await (const conn of this.#listener) {
      this.connections++;
      const peer = new HostilePeer(conn);
      this.#peers.add(peer);
      acting.push(
        act(peer, this.port).finally(() => {
          peer.cut();
          this.#peers.delete(peer);
        }),
      );
    }
    await Promise.all(acting);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await this.#serving;
  }
}
