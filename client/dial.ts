/**
 * Chooses the WebSocket: the runtime's, our own on Deno, or the caller's.
 *
 * @module
 */

import { tokenSubprotocol } from "../protocol/token.ts";
import { DenoSocket } from "./deno/deno_socket.ts";
import { denoNet } from "./deno/socket_opening.ts";
import { requireSubprotocols } from "./runtime.ts";
import type { Dial, Socket } from "./socket.ts";

/** Opens sockets, with a token or without. */
export interface TokenDial {
  /** A longer token is sent in `hello`, in characters: proxies accept 8 KiB in a header, and a subprotocol has it in base64. */
  readonly maxTokenLength: number;
  /** Opens one. */
  open(url: string, protocols: readonly string[], token: string | undefined): Socket;
}

const MAX_SUBPROTOCOL_TOKEN = 4096;

/**
 * Makes what opens sockets.
 *
 * @param dial the caller's own, if there is one
 * @param hasToken whether there will be a token
 * @throws {TypeError} if there is no WebSocket
 */
export function resolveDial(dial: Dial | undefined, hasToken: boolean): TokenDial {
  const net = denoNet();
  if (net && !dial) {
    return {
      maxTokenLength: Infinity,
      open: (url, protocols, token) => new DenoSocket(net, url, protocols, token),
    };
  }
  if (!dial && typeof globalThis.WebSocket !== "function") {
    throw new TypeError(
      "Cannot connect: there is no WebSocket here, as in Node before 22: give it one of npm:ws, dial: (url, protocols) => new WebSocket(url, protocols)",
    );
  }
  if (hasToken && !dial) requireSubprotocols();
  const openSocket: Dial = dial ?? ((url, protocols) => new WebSocket(url, protocols));
  return {
    maxTokenLength: MAX_SUBPROTOCOL_TOKEN,
    open: (url, protocols, token) =>
      openSocket(url, [...protocols, ...token === undefined ? [] : [tokenSubprotocol(token)]]),
  };
}
