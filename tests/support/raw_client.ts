/**
 * A client that speaks raw frames, for tests of the wire. It knows nothing of our own client.
 *
 * @module
 */

/** A raw WebSocket, whose frames are read one by one. */
export class RawClient implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #frames: string[] = [];
  readonly #waiting: PromiseWithResolvers<string>[] = [];
  readonly #closed = Promise.withResolvers<CloseEvent>();

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const waiting = this.#waiting.shift();
      if (waiting) waiting.resolve(data);
      else this.#frames.push(data);
    };
    socket.onclose = (event) => {
      this.#closed.resolve(event);
      // Whoever waits for a frame learns that there is none, instead of waiting for ever.
      const error = new Error(`no frame came before the connection was closed with ${event.code}`);
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    };
  }

  /** Connects to an address. */
  static async open(url: string): Promise<RawClient> {
    const socket = new WebSocket(url);
    const raw = new RawClient(socket);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = (event) => reject(new Error((event as ErrorEvent).message));
    });
    return raw;
  }

  /** Sends a frame: text or bytes as they are, anything else as JSON. */
  send(frame: unknown): void {
    if (typeof frame === "string" || frame instanceof Uint8Array) {
      this.#socket.send(frame as string);
    } else this.#socket.send(JSON.stringify(frame));
  }

  /** The text of the next frame. */
  nextText(): Promise<string> {
    const frame = this.#frames.shift();
    if (frame !== undefined) return Promise.resolve(frame);
    const waiting = Promise.withResolvers<string>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  /** The next frame, as JSON. */
  // deno-lint-ignore no-explicit-any -- a test looks at what it expects
  async next(): Promise<any> {
    return JSON.parse(await this.nextText());
  }

  /** Sends a request and returns the next frame, as JSON. */
  // deno-lint-ignore no-explicit-any -- a test looks at what it expects
  request(request: unknown): Promise<any> {
    this.send(request);
    return this.next();
  }

  /** Frames that came and were not read. */
  get unread(): readonly string[] {
    return this.#frames;
  }

  /** Resolves when the connection is closed. */
  get closed(): Promise<CloseEvent> {
    return this.#closed.promise;
  }

  /** Closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.closed;
  }
}
