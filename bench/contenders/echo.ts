/**
 * A raw WebSocket, whose server sends back what it gets.
 *
 * @module
 */

import type { Socket } from "../../client.ts";
import { denoNet } from "../../client/deno/opening.ts";
import { DenoSocket } from "../../client/deno/socket.ts";
import { once } from "../processes.ts";

/** How to open one: with Deno's own WebSocket, or with the one that dsmq uses on Deno. */
export const DIAL: Readonly<Record<"own" | "ours", (url: string) => Socket>> = {
  own: (url) => new WebSocket(url),
  ours: (url) => new DenoSocket(denoNet()!, url, []),
};

/** Sends one message at a time, and waits for it to come back. */
export class Echo implements Disposable {
  readonly #socket: Socket;
  #answered: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.onmessage = () => this.#answered();
  }

  /** Connects, once the server listens. */
  static open(port: number, dial: (url: string) => Socket = DIAL.own): Promise<Echo> {
    return once(() =>
      new Promise((resolve, reject) => {
        const socket = dial(`ws://127.0.0.1:${port}/`);
        socket.onopen = () => resolve(new Echo(socket));
        socket.onerror = () => reject(new Error("the echo server does not answer"));
      })
    );
  }

  /** There and back. */
  call(text: string): Promise<void> {
    return new Promise((resolve) => {
      this.#answered = resolve;
      this.#socket.send(text);
    });
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
