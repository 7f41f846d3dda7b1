/**
 * A server in the hands of a test: it answers what the test says, when the test says it.
 *
 * @module
 */

import type { Socket } from "../../client.ts";
import { USUAL_LIMITS } from "../../protocol/limits.ts";

/** What hello is answered with, unless the test says otherwise. */
export const WELCOME = {
  protocol: 1,
  server: "scripted",
  epoch: "e",
  start: 0,
  kept: "memory",
  retention: 600_000,
  limits: USUAL_LIMITS,
};

/** A request as it was sent. */
export interface Asked {
  readonly action: string;
  readonly id: number;
  // deno-lint-ignore no-explicit-any -- a test looks at what it expects
  readonly [field: string]: any;
}

/** One socket, and the test at its other end. Hello is answered by itself. */
export class Scripted {
  /** The text of each frame that was sent, hello's too. */
  readonly frames: string[] = [];
  /** How often it was dialled. */
  dialled = 0;
  /** What hello is answered with. */
  welcome: object = WELCOME;
  /** Dialling is in vain. */
  away = false;
  /** How many bytes have come, if the socket knows. */
  bytes: number | undefined;
  /** Hello is not answered. */
  mute = false;
  /** Sockets neither open nor close. */
  stuck = false;
  /** With which code the client said goodbye. */
  goodbye: number | undefined;

  readonly #asked: Asked[] = [];
  readonly #waiting: ((asked: Asked) => void)[] = [];
  readonly #polite: boolean;
  #socket: Socket | undefined;

  /** Makes one that answers a goodbye; or that does not, if it is not polite. */
  constructor({ polite = true }: { polite?: boolean } = {}) {
    this.#polite = polite;
  }

  /** For the option `dial`. */
  readonly dial = (): Socket => {
    this.dialled++;
    const socket: Socket = {
      send: (data) => this.#sent(data as string),
      close: (code) => {
        this.goodbye = code;
        if (this.#polite) queueMicrotask(() => this.hangUp(code));
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
      if (this.away) socket.onclose?.call(socket as WebSocket, new CloseEvent("close"));
      else this.#fire("onopen", new Event("open"));
    });
    return socket;
  };

  /** The next request that was sent, in order, and not looked at yet. */
  next(): Promise<Asked> {
    const asked = this.#asked.shift();
    if (asked) return Promise.resolve(asked);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Requests that were sent and not looked at. */
  get unread(): Asked[] {
    return this.#asked;
  }

  /** Sends a frame: text as it is, anything else as JSON. Resolves in a later turn, as the next frame would come. */
  async say(frame: unknown): Promise<void> {
    this.#deliver(typeof frame === "string" ? frame : JSON.stringify(frame));
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  /** Answers a read with a message, or with nothing. */
  give(
    { id, since }: Asked,
    message?: { readonly seq: number; readonly body: string },
  ): Promise<void> {
    return this.say(
      message
        ? { id, message: message.body, seq: message.seq, time: 1, through: message.seq }
        : { id, message: "", through: since?.after ?? 0 },
    );
  }

  /** What the last hello said. */
  get hello(): Asked {
    const hellos = this.frames.filter((frame) => frame.includes('"hello"'));
    return JSON.parse(hellos.at(-1)!);
  }

  /** Closes the socket. */
  hangUp(code = 1006): void {
    this.#fire("onclose", new CloseEvent("close", { code }));
  }

  #sent(data: string): void {
    this.frames.push(data);
    const value: Asked | Asked[] = JSON.parse(data);
    for (const asked of Array.isArray(value) ? value : [value]) {
      if (asked.action === "hello" && this.mute) continue;
      if (asked.action === "hello") {
        queueMicrotask(() => this.#deliver(JSON.stringify({ ...this.welcome, id: asked.id })));
      } else {
        const waiting = this.#waiting.shift();
        if (waiting) waiting(asked);
        else this.#asked.push(asked);
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
