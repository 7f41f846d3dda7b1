/**
 * The owner of a WebSocket of the client for Deno, and a server's end to go with it.
 *
 * @module
 */

import { denoNet } from "../../client/deno/socket_opening.ts";
import { DenoSocket } from "../../client/deno/deno_socket.ts";
import { withTimeout } from "./with_timeout.ts";
import { serverFrame, WebSocketPeer } from "./ws_peer.ts";

const utf8 = new TextEncoder();

/** What a socket reports to its owner, one event after another. */
export class SocketOwner {
  readonly socket: DenoSocket;
  readonly events: unknown[] = [];
  readonly #closed = Promise.withResolvers<void>();
  #news = Promise.withResolvers<void>();

  /** Opens a socket. */
  constructor(url: string, protocols: string[] = []) {
    this.socket = new DenoSocket(denoNet()!, url, protocols);
    this.socket.onopen = () => this.#record("open");
    this.socket.onmessage = ({ data }) => this.#record(data);
    this.socket.onerror = () => this.#record("error");
    this.socket.onclose = ({ code, reason, wasClean }) => {
      this.#record(wasClean ? [code, reason] : code);
      this.#closed.resolve();
    };
  }

  /** Resolves once this many events were reported. */
  async receivedCount(many: number): Promise<void> {
    while (this.events.length < many) await withTimeout(this.#news.promise);
  }

  /** Resolves once it has reported its close, with all its events. */
  async end(): Promise<unknown[]> {
    await withTimeout(this.#closed.promise);
    return this.events;
  }

  #record(what: unknown): void {
    this.events.push(what);
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }
}

/** An open socket, and its peer. */
export async function openSocket(): Promise<{ peer: WebSocketPeer; owner: SocketOwner }> {
  const peer = new WebSocketPeer();
  const owner = new SocketOwner(peer.url);
  await peer.open();
  await owner.receivedCount(1);
  return { peer, owner };
}

/** Makes timers of a second fire at once, until disposed of; reports when one has. */
export function closeEarly(): { readonly over: Promise<void> } & Disposable {
  const { setTimeout } = globalThis;
  const { promise, resolve } = Promise.withResolvers<void>();
  globalThis.setTimeout = ((callback: () => void, ms?: number) => {
    if (ms !== 1000) return setTimeout(callback, ms);
    return setTimeout(() => {
      callback();
      resolve();
    }, 0);
  }) as typeof setTimeout;
  return { over: promise, [Symbol.dispose]: () => void (globalThis.setTimeout = setTimeout) };
}

/** A close frame as a server sends it. */
export function closeFrame(code: number, reason = ""): Uint8Array<ArrayBuffer> {
  return serverFrame(8, new Uint8Array([code >> 8, code & 255, ...utf8.encode(reason)]));
}
