/**
 * A connection that sends and receives frames as they are, over the WebSocket of the runtime. It knows nothing of our client.
 *
 * @module
 */

import { type Address, redactUrl } from "../../client/addresses.ts";
import { requireOptions } from "../../client/require_options.ts";
import { formatValue } from "../../protocol/text.ts";
import { requireAddress, requireToken } from "./wire_address.ts";

/** How long a server may take for a reply, in milliseconds. */
const TIMEOUT = 5000;

/** An object that a server sent. */
// deno-lint-ignore no-explicit-any -- a check looks at what it expects
export type WireObject = Record<string, any>;

/** How to connect. */
export interface WireConnectOptions {
  /** The address of the server, as `connect` takes it, but only one. */
  readonly url: Address;
  /** The token, if the server requires one. */
  readonly token?: string | undefined;
  /** Whether to offer the subprotocol `dsmq`, as clients of dsmq 1.x do not. */
  readonly offers?: boolean;
}

/** Errors, close codes and statuses of handshakes by which a server keeps its limits. */
const LIMIT_CODES: readonly unknown[] = ["limit_exceeded", "full"];
const LIMIT_CLOSES: readonly number[] = [1008, 1013];
const LIMIT_STATUSES: readonly string[] = ["429", "503"];

/** A connection that a limit of the server does not permit. */
export class ConnectionLimitError extends Error {}

const OPTION_NAMES = ["url", "token", "offers"] satisfies (keyof WireConnectOptions)[];

/** One connection. What does not come within 5 s is an error. */
export class WireConnection implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #objects: WireObject[] = [];
  readonly #closed = Promise.withResolvers<CloseEvent>();
  #arrived = Promise.withResolvers<void>();
  #ended = false;
  #limited: string | undefined;
  #status: string | undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const before = this.#objects.length;
      try {
        this.#objects.push(...[JSON.parse(data)].flat());
      } catch {
        this.#objects.push({ notJson: data });
      }
      for (const object of this.#objects.slice(before)) {
        const { code, message } = Object(Object(object).error);
        if (LIMIT_CODES.includes(code)) this.#limited ??= `${code}: ${message}`;
      }
      this.#wake();
    };
    socket.onclose = (event) => {
      this.#ended = true;
      const { code, reason } = event;
      if (LIMIT_CLOSES.includes(code)) this.#limited ??= `${code}: ${reason}`;
      this.#closed.resolve(event);
      this.#wake();
    };
    socket.onerror = (event) => {
      event.preventDefault();
      // Browsers do not tell it.
      this.#status = /status code: (\d{3})/.exec((event as ErrorEvent).message)?.[1];
    };
  }

  /**
   * Connects.
   *
   * @param options see {@linkcode WireConnectOptions}
   * @throws {TypeError | RangeError} if an option is invalid
   * @throws {Error} if the server does not accept the connection
   */
  static async open(options: WireConnectOptions): Promise<WireConnection> {
    requireOptions("open a connection", options, OPTION_NAMES);
    const { url, token, offers = true } = options;
    const address = requireAddress("open a connection", url);
    requireToken("open a connection", token);
    if (typeof offers !== "boolean") {
      throw new TypeError(
        `Cannot open a connection: offers must be true or false, got ${formatValue(offers)}`,
      );
    }
    const protocols = offers ? ["dsmq"] : [];
    if (token !== undefined) protocols.push(`dsmq.token.${base64url(token)}`);
    const socket = new WebSocket(address, protocols);
    const connection = new WireConnection(socket);
    const opened = new Promise<"opened">((resolve) => socket.onopen = () => resolve("opened"));
    try {
      const first = Promise.race([opened, connection.#closed.promise]);
      // One that is closed at once was accepted before: the close code says more.
      if (await inTime(first, "opening a connection") === "opened") return connection;
    } catch (error) {
      socket.close();
      throw error;
    }
    const status = connection.#status;
    const problem = `the server accepts no connection at ${redactUrl(address)}`;
    if (status === undefined) throw new Error(problem);
    const ErrorClass = LIMIT_STATUSES.includes(status) ? ConnectionLimitError : Error;
    throw new ErrorClass(`${problem}: the status is ${status}`);
  }

  /** The subprotocol that the server selected. */
  get protocol(): string {
    return this.#socket.protocol;
  }

  /** Why the server refused something for one of its limits, if it did: the first time. */
  get limited(): string | undefined {
    return this.#limited;
  }

  /** Sends a frame: text as it is, anything else as JSON. */
  send(frame: unknown): void {
    this.#socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  /** The next object that came, of a frame with one or with several. */
  async next(): Promise<WireObject> {
    while (this.#objects.length === 0) {
      if (this.#ended) {
        const { code, reason } = await this.#closed.promise;
        throw new Error(`the server closed the connection (${code} ${reason})`);
      }
      await inTime(this.#arrived.promise, "a reply");
    }
    return this.#objects.shift()!;
  }

  /** Sends a request, and takes the next object that came. */
  async request(request: WireObject): Promise<WireObject> {
    this.send(request);
    return await this.next();
  }

  /** Sends requests in one frame, and takes as many replies. */
  async requests(requests: readonly WireObject[]): Promise<WireObject[]> {
    this.send(requests);
    const replies: WireObject[] = [];
    while (replies.length < requests.length) replies.push(await this.next());
    return replies;
  }

  /** Waits until the server has closed the connection; the code. */
  async closed(): Promise<number> {
    return (await inTime(this.#closed.promise, "the end of the connection")).code;
  }

  /** Closes the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await inTime(this.#closed.promise, "the answer to a close frame").catch(() => {});
  }

  #wake(): void {
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
  }
}

async function inTime<T>(work: Promise<T>, what: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`${what} did not come within ${TIMEOUT} ms`)),
    TIMEOUT,
  );
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function base64url(text: string): string {
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
