/**
 * Opens a connection for a WebSocket, at an address or where that redirects to.
 *
 * @module
 */

import { redactUrl } from "../addresses.ts";
import { ConnectError } from "../connect_error.ts";
import { type OpeningPhase, toConnectError } from "./connect_failure.ts";
import { requestUpgrade } from "./handshake.ts";
import type { ByteStream } from "./http_response.ts";
import { followRedirect } from "./redirect.ts";

/** A connection over TCP or TLS. */
export interface TcpConn extends ByteStream {
  close(): void;
}

/** The part of Deno that is needed; TypeScript for browsers does not know it. */
export interface DenoNet {
  connect(
    to: { hostname: string; port: number; signal: AbortSignal },
  ): Promise<TcpConn & { setNoDelay(on: boolean): void }>;
  startTls(
    conn: TcpConn,
    options: { hostname: string; alpnProtocols: string[] },
  ): Promise<TcpConn & { handshake(): Promise<unknown> }>;
}

/** The part of Deno that is needed, if this runs on Deno. */
export function denoNet(): DenoNet | undefined {
  const { Deno } = globalThis as { Deno?: Partial<DenoNet> };
  return Deno?.connect && Deno.startTls ? Deno as DenoNet : undefined;
}

/** One attempt to open a connection. */
export class SocketOpening {
  readonly #net: DenoNet;
  readonly #protocols: readonly string[];
  readonly #token: string | undefined;
  readonly #abortController = new AbortController();
  #phase: OpeningPhase = "connecting";
  /** The connection to be closed if the attempt is cancelled. */
  #conn: TcpConn | undefined;

  /**
   * Prepares an attempt.
   *
   * @param net Deno's network
   * @param protocols the subprotocols to offer
   * @param token sent with the request, if there is one
   */
  constructor(net: DenoNet, protocols: readonly string[], token?: string) {
    this.#net = net;
    this.#protocols = protocols;
    this.#token = token;
  }

  /** How far it has come. */
  get phase(): OpeningPhase {
    return this.#phase;
  }

  /**
   * Connects and does the handshake, following redirects.
   *
   * @param requested the address
   * @returns the connection, and the bytes after the handshake; `undefined` if it was aborted meanwhile
   */
  async open(
    requested: URL,
  ): Promise<{ conn: TcpConn; remainder: Uint8Array<ArrayBuffer> } | undefined> {
    let url = requested;
    try {
      for (let redirects = 0;; redirects++) {
        const conn = await this.#connect(url);
        if (!conn) return undefined;
        const response = await requestUpgrade(conn, url, this.#protocols, this.#token);
        if (this.#aborted) return undefined;
        if ("remainder" in response) {
          this.#conn = undefined;
          return { conn, remainder: response.remainder };
        }
        url = followRedirect(url, response, redirects, this.#token !== undefined);
        conn.close();
        this.#conn = undefined;
      }
    } catch (error) {
      const message = toConnectError(error, url, this.#phase);
      if (
        url === requested || !(message instanceof ConnectError) || message.reason === "redirect"
      ) throw message;
      throw new ConnectError(
        `it redirects to ${redactUrl(url.href)}, and there ${message.message}`,
        message,
      );
    }
  }

  /** Cancels the attempt. Has no effect once it is open. */
  abort(): void {
    this.#abortController.abort();
    this.#closeConn();
  }

  async #connect({ hostname, port, protocol }: URL): Promise<TcpConn | undefined> {
    const secure = protocol === "wss:";
    const host = hostname.replace(/^\[|\]$/g, "");
    const { signal } = this.#abortController;
    // Deno would drop a connection that is established at the moment of the abort without closing it.
    signal.throwIfAborted = () => {};
    this.#phase = "connecting";
    const tcp = await this.#net.connect({
      hostname: host,
      port: Number(port || (secure ? 443 : 80)),
      signal,
    });
    this.#conn = tcp;
    if (this.#aborted) return this.#closeConn();
    tcp.setNoDelay(true);
    let conn: TcpConn = tcp;
    if (secure) {
      this.#phase = "encrypting";
      const tls = await this.#net.startTls(tcp, { hostname: host, alpnProtocols: ["http/1.1"] });
      this.#conn = conn = tls;
      if (this.#aborted) return this.#closeConn();
      await tls.handshake();
      if (this.#aborted) return undefined;
    }
    this.#phase = "asking";
    return conn;
  }

  get #aborted(): boolean {
    return this.#abortController.signal.aborted;
  }

  #closeConn(): undefined {
    try {
      this.#conn?.close();
    } catch {
      // It is closed already.
    }
    this.#conn = undefined;
  }
}
