/**
 * A client that sends raw frames, for tests of the wire and of the handshake. It knows nothing of our own client.
 *
 * @module
 */

import { clientFrame, getRequest, RawSocket, UPGRADE } from "./raw_socket.ts";

/** How a connection ended: with a code and a reason; 1006 without a close frame. */
export interface RawClose {
  readonly code: number;
  readonly reason: string;
}

/** A text frame, or the end. */
export type RawEvent = { readonly text: string } | RawClose;

/** A connection whose text frames are read one by one. */
export class RawClient implements Disposable, AsyncDisposable {
  /** The status of the response to the handshake. */
  readonly status: number;
  /** All that the server sent: the head of its response and its body, or every text and the reason of its close. */
  readonly received: string[] = [];
  readonly #socket: RawSocket;
  readonly #frames: string[] = [];
  readonly #waiting: PromiseWithResolvers<RawEvent>[] = [];
  readonly #closed = Promise.withResolvers<RawClose>();
  #sending: Promise<void> = Promise.resolve();
  #end: RawClose | undefined;

  private constructor(socket: RawSocket, head: string, body: string) {
    this.#socket = socket;
    this.status = Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]);
    this.received.push(head);
    if (this.status === 101) void this.#read();
    else {
      this.received.push(body);
      this.#finish({ code: 1006, reason: "" });
    }
  }

  /** Connects to an address. */
  static async open(url: string): Promise<RawClient> {
    const { host, port, pathname } = new URL(url);
    const raw = await RawClient.handshake(Number(port), { Host: host, ...UPGRADE }, pathname);
    if (raw.status !== 101) throw new Error(`the handshake was refused: ${raw.received}`);
    return raw;
  }

  /** Sends a request with exactly these headers to a port of this machine; one that is `undefined` is left out. */
  static async handshake(
    port: number,
    headers: Readonly<Record<string, string | undefined>>,
    path = "/",
  ): Promise<RawClient> {
    const socket = await RawSocket.connect(port);
    await socket.send(getRequest(headers, path));
    const head = await socket.head();
    if (!head.endsWith("\r\n\r\n")) {
      socket.cut();
      throw new Error("the connection ended before the response");
    }
    const upgraded = head.startsWith("HTTP/1.1 101");
    const length = upgraded ? 0 : Number(/^content-length: (\d+)\r$/im.exec(head)?.[1] ?? 0);
    return new RawClient(socket, head, await socket.text(length));
  }

  /** Sends a frame: text or bytes as they are, anything else as JSON. After the end it is lost. */
  send(frame: unknown): Promise<void> {
    const bytes = frame instanceof Uint8Array
      ? clientFrame(2, frame)
      : clientFrame(1, typeof frame === "string" ? frame : JSON.stringify(frame));
    return this.#write(bytes);
  }

  /** The next text, or the end. */
  nextEvent(): Promise<RawEvent> {
    const text = this.#frames.shift();
    if (text !== undefined) return Promise.resolve({ text });
    if (this.#end) return Promise.resolve(this.#end);
    const waiting = Promise.withResolvers<RawEvent>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  /** The text of the next frame; rejects if there is none. */
  async nextText(): Promise<string> {
    const event = await this.nextEvent();
    if ("text" in event) return event.text;
    throw new Error(`no frame came before the connection was closed with ${event.code}`);
  }

  /** The next frame, as JSON. */
  // deno-lint-ignore no-explicit-any -- a test looks at what it expects
  async next(): Promise<any> {
    return JSON.parse(await this.nextText());
  }

  /** Sends a request and returns the next frame, as JSON. */
  // deno-lint-ignore no-explicit-any -- a test looks at what it expects
  request(request: unknown): Promise<any> {
    void this.send(request);
    return this.next();
  }

  /** The same, or the close code if the server closes instead. */
  // deno-lint-ignore no-explicit-any -- a test looks at what it expects
  async requestOrCode(request: unknown): Promise<any> {
    void this.send(request);
    const event = await this.nextEvent();
    return "text" in event ? JSON.parse(event.text) : event.code;
  }

  /** The code with which the server closes; rejects if a frame comes before. */
  async closeCode(): Promise<number> {
    const event = await this.nextEvent();
    if ("code" in event) return event.code;
    throw new Error(`a frame came before the close: ${event.text}`);
  }

  /** Frames that came and were not read. */
  get unread(): readonly string[] {
    return this.#frames;
  }

  /** Resolves when the connection is closed. */
  get closed(): Promise<RawClose> {
    return this.#closed.promise;
  }

  /** Cuts the connection without a close frame. May be called twice. */
  [Symbol.dispose](): void {
    this.#finish({ code: 1006, reason: "" });
  }

  /** Closes it, and waits for the server's close frame. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#end) await this.#write(clientFrame(8));
    await this.closed;
  }

  async #read(): Promise<void> {
    let text = "";
    let decoder = new TextDecoder();
    for (let frame; (frame = await this.#socket.next());) {
      const { final, opcode, payload } = frame;
      if (opcode === 8) {
        const code = payload.length < 2 ? 1005 : payload[0]! * 256 + payload[1]!;
        const reason = new TextDecoder().decode(payload.subarray(2));
        this.received.push(reason);
        await this.#write(clientFrame(8, payload.subarray(0, 2)));
        return this.#finish({ code, reason });
      }
      if (opcode === 9) void this.#write(clientFrame(10, payload));
      if (opcode > 1) continue;
      text += decoder.decode(payload, { stream: !final });
      if (!final) continue;
      this.received.push(text);
      const waiting = this.#waiting.shift();
      if (waiting) waiting.resolve({ text });
      else this.#frames.push(text);
      [text, decoder] = ["", new TextDecoder()];
    }
    this.#finish({ code: 1006, reason: "" });
  }

  #write(bytes: Uint8Array): Promise<void> {
    // The server may have gone: what comes next shows it.
    return this.#sending = this.#sending.then(() => this.#socket.send(bytes)).catch(() => {});
  }

  #finish(end: RawClose): void {
    if (this.#end) return;
    this.#end = end;
    this.#socket.cut();
    this.#closed.resolve(end);
    for (const { resolve } of this.#waiting.splice(0)) resolve(end);
  }
}
