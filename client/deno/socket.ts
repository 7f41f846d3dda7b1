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
 * TCP_NODELAY, this folder can go: `dial` in `client/options.ts` is the only one who asks for it.
 *
 * @module
 */

import { ConnectError } from "../connect_error.ts";
import { shownUrl } from "../line.ts";
import type { Socket } from "../options.ts";
import { failure, type Phase, unanswered } from "./failures.ts";
import { type Frame, FrameError, FrameReader, OPCODE } from "./frames.ts";
import { shakeHands, writeAll } from "./handshake.ts";
import type { Stream } from "./http_answer.ts";
import { decoded, MessageReader } from "./messages.ts";
import { redirected } from "./redirection.ts";
import { FrameWriter } from "./writer.ts";

interface Conn extends Stream {
  close(): void;
}

/** The part of Deno that this needs; TypeScript for browsers does not know it. */
interface DenoNet {
  connect(
    to: { hostname: string; port: number; signal: AbortSignal },
  ): Promise<Conn & { setNoDelay(on: boolean): void }>;
  startTls(
    conn: Conn,
    options: { hostname: string; alpnProtocols: string[] },
  ): Promise<Conn & { handshake(): Promise<unknown> }>;
}

/** How long the other end has to answer a goodbye, in milliseconds. */
const GOODBYE = 1000;

/** The close code for a connection that broke without a word, section 7.1.5. */
const BROKEN = 1006;

/** Where this runs on Deno: the part of it that a {@linkcode DenoSocket} needs. */
export function denoNet(): DenoNet | undefined {
  const { Deno } = globalThis as { Deno?: Partial<DenoNet> };
  return Deno?.connect && Deno.startTls ? Deno as DenoNet : undefined;
}

/** The part of a `WebSocket` that a connection uses, over a TCP connection without delay. */
export class DenoSocket implements Socket {
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  onerror: Socket["onerror"] = null;

  readonly #frames = new FrameReader();
  readonly #messages = new MessageReader();
  readonly #abort = new AbortController();
  #conn: Conn | undefined;
  readonly #outgoing = new FrameWriter();
  #writing = false;
  #state: "connecting" | "open" | "closing" | "closed" = "connecting";
  #goodbye: ReturnType<typeof setTimeout> | undefined;
  #phase: Phase = "connecting";
  #received = 0;

  /**
   * Begins to connect.
   *
   * @param net Deno's network
   * @param url a ws: or wss: address
   * @param protocols the subprotocols to offer
   * @param token goes with the request, if there is one
   */
  constructor(net: DenoNet, url: string, protocols: readonly string[], token?: string) {
    void this.#run(net, new URL(url), protocols, token);
  }

  /** How many bytes have come since the socket was opened. */
  get bytesReceived(): number {
    return this.#received;
  }

  /** Sends a text message; in vain unless the socket is open. */
  send(text: string): void {
    if (this.#state !== "open") return;
    this.#outgoing.text(text);
    this.#write();
  }

  /** Says goodbye; whoever does not answer it in time is left. */
  close(code: number = 1000, reason: string = ""): void {
    if (this.#state === "connecting") this.#end(BROKEN, "", unanswered(this.#phase));
    if (this.#state !== "open") return;
    this.#sayGoodbye(code, reason);
    this.#goodbye = setTimeout(() => this.#end(BROKEN, ""), GOODBYE);
  }

  async #run(
    net: DenoNet,
    url: URL,
    protocols: readonly string[],
    token: string | undefined,
  ): Promise<void> {
    try {
      const opened = await this.#open(net, url, protocols, token);
      if (!opened) return;
      this.#state = "open";
      this.#tell(this.onopen, new Event("open"));
      this.#frames.room().set(opened.rest);
      this.#frames.took(opened.rest.length);
      await this.#receive(opened.conn);
      this.#end(BROKEN, "");
    } catch (error) {
      if (!(error instanceof FrameError)) return this.#end(BROKEN, "", error);
      this.#sayGoodbye(error.code, error.message);
      this.#end(error.code, error.message);
    }
  }

  /** Connects and shakes hands, there or where it is sent to; `undefined` if it was closed meanwhile. */
  async #open(
    net: DenoNet,
    asked: URL,
    protocols: readonly string[],
    token: string | undefined,
  ): Promise<{ conn: Conn; rest: Uint8Array<ArrayBuffer> } | undefined> {
    let url = asked;
    try {
      for (let redirections = 0;; redirections++) {
        const conn = await this.#connect(net, url);
        if (!conn || this.#closed) return undefined;
        const answer = await shakeHands(conn, url, protocols, token);
        if (this.#closed) return undefined;
        if ("rest" in answer) return { conn, rest: answer.rest };
        url = redirected(url, answer, redirections, token !== undefined);
        conn.close();
        this.#conn = undefined;
      }
    } catch (error) {
      const why = failure(error, url, this.#phase);
      if (url === asked || !(why instanceof ConnectError) || why.reason === "redirect") throw why;
      throw new ConnectError(`it leads to ${shownUrl(url.href)}, and there ${why.message}`, why);
    }
  }

  async #connect(
    net: DenoNet,
    { hostname, port, protocol }: URL,
  ): Promise<Conn | undefined> {
    const secure = protocol === "wss:";
    const host = hostname.replace(/^\[|\]$/g, "");
    const { signal } = this.#abort;
    // One that came about in the moment of the abort would be thrown away by Deno, but not closed.
    signal.throwIfAborted = () => {};
    this.#phase = "connecting";
    const tcp = await net.connect({
      hostname: host,
      port: Number(port || (secure ? 443 : 80)),
      signal,
    });
    this.#conn = tcp;
    if (this.#closed) return this.#drop();
    tcp.setNoDelay(true);
    let conn: Conn = tcp;
    if (secure) {
      this.#phase = "encrypting";
      const tls = await net.startTls(tcp, { hostname: host, alpnProtocols: ["http/1.1"] });
      this.#conn = conn = tls;
      if (this.#closed) return this.#drop();
      await tls.handshake();
    }
    this.#phase = "asking";
    return conn;
  }

  async #receive(conn: Conn): Promise<void> {
    while (!this.#closed) {
      for (let frame; !this.#closed && (frame = this.#frames.next());) {
        this.#arrived(frame);
        // What is said in reply leaves before the next frame is looked at: both ends stay at work.
        await undefined;
      }
      if (this.#closed) return;
      const count = await conn.read(this.#frames.room());
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
        this.#outgoing.control(OPCODE.pong, frame.payload);
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
      while (this.#outgoing.any) await writeAll(this.#conn!, this.#outgoing.take());
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
    this.#abort.abort();
    const clean = code !== BROKEN;
    // A goodbye that is being written has a while to get to its end.
    if (clean && this.#writing) this.#goodbye = setTimeout(() => this.#drop(), GOODBYE);
    else this.#drop();
    if (!clean) this.#tell(this.onerror, new ErrorEvent("error", { error }));
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
