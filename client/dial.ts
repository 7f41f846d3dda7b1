/**
 * Chooses the WebSocket: the runtime's, our own on Deno, or the caller's.
 *
 * @module
 */

import { tokenSubprotocol } from "../protocol/token.ts";
import { DenoSocket } from "./deno/deno_socket.ts";
import { denoNet } from "./deno/socket_opening.ts";
import { requireSubprotocols } from "./runtime.ts";
import type { Dial } from "./socket.ts";

/**
 * Makes the function that opens sockets, with the token.
 *
 * @param dial the caller's own, if there is one
 * @param token the token, if there is one
 * @returns the function
 * @throws {TypeError} if there is no WebSocket
 */
export function resolveDial(dial: Dial | undefined, token: string | undefined): Dial {
  const net = denoNet();
  if (net && !dial) return (url, protocols) => new DenoSocket(net, url, protocols, token);
  if (!dial && typeof globalThis.WebSocket !== "function") {
    throw new TypeError(
      "Cannot connect: there is no WebSocket here, as in Node before 22: give it one of npm:ws, dial: (url, protocols) => new WebSocket(url, protocols)",
    );
  }
  const openSocket = dial ?? ((url, protocols) => new WebSocket(url, protocols));
  if (token === undefined) return openSocket;
  if (!dial) requireSubprotocols();
  return (url, protocols) => openSocket(url, [...protocols, tokenSubprotocol(token)]);
}
