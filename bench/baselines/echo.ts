/**
 * A raw WebSocket to an echo server.
 *
 * @module
 */

import type { Socket } from "../../client.ts";
import { denoNet } from "../../client/deno/socket_opening.ts";
import { DenoSocket } from "../../client/deno/deno_socket.ts";
import { retryUntilReady } from "../processes.ts";

/** How to open a socket: with Deno's own WebSocket, or with the one that dsmq uses on Deno. */
export const DIAL: Readonly<Record<"own" | "ours", (url: string) => Socket>> = {
  own: (url) => new WebSocket(url),
  ours: (url) => new DenoSocket(denoNet()!, url, []),
};

/** Sends one message at a time and waits for its echo. */
export class Echo implements Disposable {
  readonly #socket: Socket;
  #onReply: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.onmessage = () => this.#onReply();
  }

  /** Connects, once the server listens. */
  static open(port: number, dial: (url: string) => Socket = DIAL.own): Promise<Echo> {
    return retryUntilReady(() =>
      new Promise((resolve, reject) => {
        const socket = dial(`ws://127.0.0.1:${port}/`);
        socket.onopen = () => resolve(new Echo(socket));
        socket.onerror = () => reject(new Error("the echo server does not answer"));
      })
    );
  }

  /** One round trip. */
  call(text: string): Promise<void> {
    return new Promise((resolve) => {
      this.#onReply = resolve;
      this.#socket.send(text);
    });
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
