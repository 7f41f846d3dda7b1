/**
 * From an address to a connection on which a WebSocket is agreed, there or where one is sent to.
 *
 * @module
 */

import { ConnectError } from "../connect_error.ts";
import { shownUrl } from "../line.ts";
import { failure, type Phase } from "./failures.ts";
import { shakeHands } from "./handshake.ts";
import type { Stream } from "./http_answer.ts";
import { redirected } from "./redirection.ts";

/** A connection over TCP or TLS. */
export interface Conn extends Stream {
  close(): void;
}

/** The part of Deno that this needs; TypeScript for browsers does not know it. */
export interface DenoNet {
  connect(
    to: { hostname: string; port: number; signal: AbortSignal },
  ): Promise<Conn & { setNoDelay(on: boolean): void }>;
  startTls(
    conn: Conn,
    options: { hostname: string; alpnProtocols: string[] },
  ): Promise<Conn & { handshake(): Promise<unknown> }>;
}

/** Where this runs on Deno: the part of it that is needed to open a connection. */
export function denoNet(): DenoNet | undefined {
  const { Deno } = globalThis as { Deno?: Partial<DenoNet> };
  return Deno?.connect && Deno.startTls ? Deno as DenoNet : undefined;
}

/** One try to open a connection. */
export class Opening {
  readonly #net: DenoNet;
  readonly #protocols: readonly string[];
  readonly #token: string | undefined;
  readonly #abort = new AbortController();
  #phase: Phase = "connecting";
  /** What is to be closed when it is given up; none once it is another's. */
  #conn: Conn | undefined;

  /**
   * Prepares a try.
   *
   * @param net Deno's network
   * @param protocols the subprotocols to offer
   * @param token goes with the request, if there is one
   */
  constructor(net: DenoNet, protocols: readonly string[], token?: string) {
    this.#net = net;
    this.#protocols = protocols;
    this.#token = token;
  }

  /** How far it has come. */
  get phase(): Phase {
    return this.#phase;
  }

  /**
   * Connects and shakes hands, there or where it is sent to.
   *
   * @param asked the address
   * @returns the connection, and what came behind the handshake; `undefined` if it was aborted meanwhile
   */
  async open(
    asked: URL,
  ): Promise<{ conn: Conn; rest: Uint8Array<ArrayBuffer> } | undefined> {
    let url = asked;
    try {
      for (let redirections = 0;; redirections++) {
        const conn = await this.#connect(url);
        if (!conn) return undefined;
        const answer = await shakeHands(conn, url, this.#protocols, this.#token);
        if (this.#aborted) return undefined;
        if ("rest" in answer) {
          this.#conn = undefined;
          return { conn, rest: answer.rest };
        }
        url = redirected(url, answer, redirections, this.#token !== undefined);
        conn.close();
        this.#conn = undefined;
      }
    } catch (error) {
      const why = failure(error, url, this.#phase);
      if (url === asked || !(why instanceof ConnectError) || why.reason === "redirect") throw why;
      throw new ConnectError(`it leads to ${shownUrl(url.href)}, and there ${why.message}`, why);
    }
  }

  /** Gives up; once it is open, that is without effect. */
  abort(): void {
    this.#abort.abort();
    this.#drop();
  }

  async #connect({ hostname, port, protocol }: URL): Promise<Conn | undefined> {
    const secure = protocol === "wss:";
    const host = hostname.replace(/^\[|\]$/g, "");
    const { signal } = this.#abort;
    // One that came about in the moment of the abort would be thrown away by Deno, but not closed.
    signal.throwIfAborted = () => {};
    this.#phase = "connecting";
    const tcp = await this.#net.connect({
      hostname: host,
      port: Number(port || (secure ? 443 : 80)),
      signal,
    });
    this.#conn = tcp;
    if (this.#aborted) return this.#drop();
    tcp.setNoDelay(true);
    let conn: Conn = tcp;
    if (secure) {
      this.#phase = "encrypting";
      const tls = await this.#net.startTls(tcp, { hostname: host, alpnProtocols: ["http/1.1"] });
      this.#conn = conn = tls;
      if (this.#aborted) return this.#drop();
      await tls.handshake();
      if (this.#aborted) return undefined;
    }
    this.#phase = "asking";
    return conn;
  }

  get #aborted(): boolean {
    return this.#abort.signal.aborted;
  }

  #drop(): undefined {
    try {
      this.#conn?.close();
    } catch {
      // It is closed already.
    }
    this.#conn = undefined;
  }
}
