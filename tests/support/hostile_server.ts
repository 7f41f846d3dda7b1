/**
 * A server that treats each connection as a test tells it to, byte by byte.
 *
 * @module
 */

import { WELCOME } from "./scripted_server.ts";
import { ServerEnd, serverFrame } from "./ws_peer.ts";

/** A request of a client. */
export interface HostileRequest {
  readonly action: string;
  readonly id: number;
}

/** One connection of such a server. */
export class HostilePeer extends ServerEnd {
  readonly #requests: HostileRequest[] = [];

  /** Sends a text frame: text as it is, anything else as JSON. */
  sendText(frame: unknown): Promise<boolean> {
    return this.send(serverFrame(1, typeof frame === "string" ? frame : JSON.stringify(frame)));
  }

  /** Opens the WebSocket and answers hello. */
  async welcome(welcome: object = {}): Promise<void> {
    await this.open();
    const hello = await this.next();
    if (hello) await this.sendText({ ...WELCOME, ...welcome, id: hello.id });
  }

  /** The next request; `undefined` once the client has gone. */
  async next(): Promise<HostileRequest | undefined> {
    while (this.#requests.length === 0) {
      const frame = await this.frame();
      if (!frame) return undefined;
      const { opcode, payload } = frame;
      if (opcode === 1) {
        this.#requests.push(...[JSON.parse(new TextDecoder().decode(payload))].flat());
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
}

/** Such a server. Connections are cut once their handler is done. */
export class HostileServer implements AsyncDisposable {
  /** How many connections came. */
  connections = 0;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #peers = new Set<HostilePeer>();
  readonly #serving: Promise<void>;

  /** Serves; each connection is handled until the client has gone, or the handler returns. */
  constructor(act: (peer: HostilePeer, port: number) => Promise<unknown>) {
    this.#serving = this.#serve(act);
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/`;
  }

  /** Cuts the open ones; others may come. */
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
