/**
 * A server that stops answering.
 *
 * @module
 */

import { WELCOME } from "./scripted_server.ts";

/** A server that answers hello, and nothing else. */
export class SilentServer implements AsyncDisposable {
  readonly #requested = Promise.withResolvers<void>();
  readonly #server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "dsmq" });
    socket.onmessage = ({ data }) => {
      const { action, id } = JSON.parse(data);
      if (action === "hello") socket.send(JSON.stringify({ ...WELCOME, id }));
      else this.#requested.resolve();
    };
    return response;
  });

  get port(): number {
    return this.#server.addr.port;
  }

  /** Resolves at the first request. */
  get requested(): Promise<void> {
    return this.#requested.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
