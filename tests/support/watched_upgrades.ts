/**
 * What becomes of the WebSockets that Deno makes.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { httpRequest } from "./raw_http.ts";

const { upgradeWebSocket } = Deno;

/** Records each WebSocket, and what `console.warn` would print. */
export class WatchedUpgrades implements Disposable {
  readonly sockets: WebSocket[] = [];
  readonly warnings: unknown[][] = [];
  readonly #warn = console.warn;

  constructor(upgrade = upgradeWebSocket) {
    console.warn = (...args) => void this.warnings.push(args);
    Deno.upgradeWebSocket = (request, options) => {
      const upgraded = upgrade(request, options);
      this.sockets.push(upgraded.socket);
      return upgraded;
    };
  }

  [Symbol.dispose](): void {
    console.warn = this.#warn;
    Deno.upgradeWebSocket = upgradeWebSocket;
  }
}

/** Returns once the port has seen all that came before. */
export async function seen(port: number): Promise<void> {
  assertEquals((await httpRequest(port, "GET / HTTP/1.1\r\nHost: localhost")).status, 200);
}
