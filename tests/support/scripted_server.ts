/**
 * A server controlled by a test: the test decides what it answers, and when.
 *
 * @module
 */

import type { Socket } from "../../client.ts";
import { DEFAULT_LIMITS } from "../../protocol/limits.ts";

/** The answer to hello, unless the test sets another. */
export const WELCOME = {
  protocol: 1,
  server: "scripted",
  epoch: "e",
  start: 0,
  durability: "memory",
  retention: 600_000,
  limits: DEFAULT_LIMITS,
};

/** A request as it was sent. */
export interface ScriptedRequest {
  readonly action: string;
  readonly id: number;
  // deno-lint-ignore no-explicit-any -- a test looks at what it expects
  readonly [field: string]: any;
}

/** One socket, and the test at its other end. Hello is answered automatically. */
export class ScriptedServer {
  /** The text of each frame that was sent, hello's included. */
  readonly frames: string[] = [];
  /** How often it was dialled. */
  dials = 0;
  /** The answer to hello. */
  welcome: object = WELCOME;
  /** Dialling fails. */
  unreachable = false;
  /** How many bytes have come, if the socket knows. */
  bytes: number | undefined;
  /** Hello is not answered. */
  silent = false;
  /** The error with which hello is refused. */
  refusal: object | undefined;
  /** Sockets neither open nor close. */
  stuck = false;
  /** The code with which the client closed. */
  closeCode: number | undefined;

  readonly #requests: ScriptedRequest[] = [];
  readonly #waiting: ((request: ScriptedRequest) => void)[] = [];
  readonly #answersClose: boolean;
  #socket: Socket | undefined;

  /** Makes one that answers a close frame; or one that does not, if it is not polite. */
  constructor({ answersClose = true }: { answersClose?: boolean } = {}) {
    this.#answersClose = answersClose;
  }

  /** The address that is dialled. */
  readonly url = "ws://127.0.0.1:30008";

  /** For the option `dial`. */
  readonly dial = (): Socket => {
    this.dials++;
    const socket: Socket = {
      send: (data) => this.#sent(data as string),
      close: (code) => {
        this.closeCode = code;
        if (this.#answersClose) queueMicrotask(() => this.hangUp(code));
      },
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
    };
    const bytes = () => this.bytes!;
    if (this.bytes !== undefined) Object.defineProperty(socket, "bytesReceived", { get: bytes });
    this.#socket = socket;
    if (this.stuck) return socket;
    queueMicrotask(() => {
      if (this.unreachable) socket.onclose?.call(socket as WebSocket, new CloseEvent("close"));
      else this.#fire("onopen", new Event("open"));
    });
    return socket;
  };

  /** The next request that was sent, in order, and not taken yet. */
  next(): Promise<ScriptedRequest> {
    const request = this.#requests.shift();
    if (request) return Promise.resolve(request);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Requests that were sent and not taken. */
  get unread(): ScriptedRequest[] {
    return this.#requests;
  }

  /** Sends a frame: text as it is, anything else as JSON. Resolves in a later turn, as the next frame would come. */
  async send(frame: unknown): Promise<void> {
    this.#deliver(typeof frame === "string" ? frame : JSON.stringify(frame));
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  /** Answers a read with a message, or with nothing. */
  reply(
    { id, since }: ScriptedRequest,
    message?: { readonly seq: number; readonly body: string },
  ): Promise<void> {
    return this.send(
      message
        ? { id, body: message.body, seq: message.seq, time: 1, through: message.seq }
        : { id, body: "", through: since?.after ?? 0 },
    );
  }

  /** The last hello. */
  get hello(): ScriptedRequest {
    const hellos = this.frames.filter((frame) => frame.includes('"hello"'));
    return JSON.parse(hellos.at(-1)!);
  }

  /** Closes the socket. */
  hangUp(code = 1006): void {
    this.#fire("onclose", new CloseEvent("close", { code }));
  }

  #sent(data: string): void {
    this.frames.push(data);
    const value: ScriptedRequest | ScriptedRequest[] = JSON.parse(data);
    for (const request of Array.isArray(value) ? value : [value]) {
      if (request.action === "hello" && this.silent) continue;
      if (request.action === "hello") {
        const answer = this.refusal ? { error: this.refusal } : this.welcome;
        queueMicrotask(() => this.#deliver(JSON.stringify({ ...answer, id: request.id })));
      } else {
        const waiting = this.#waiting.shift();
        if (waiting) waiting(request);
        else this.#requests.push(request);
      }
    }
  }

  #deliver(data: string): void {
    this.#fire("onmessage", new MessageEvent("message", { data }));
  }

  #fire(handler: "onopen" | "onmessage" | "onclose", event: Event): void {
    (this.#socket![handler] as ((event: Event) => void) | null)?.(event);
  }
}
