/**
 * What a connection goes over: a WebSocket, or what a caller gives in its place.
 *
 * @module
 */

import { denoNet } from "./deno/socket_opening.ts";
import { DenoSocket } from "./deno/deno_socket.ts";
import { requireSubprotocols } from "./runtime.ts";
import { tokenSubprotocol } from "./require_token.ts";

/**
 * The part of a `WebSocket` that a connection uses, so that also others have it, such as that of `npm:ws`. Handlers are
 * written as methods for that: their events may have more than what stands here.
 */
export interface Socket {
  /** Sends a text frame. */
  send(data: string): void;
  /** Says goodbye. */
  close(code?: number): void;
  /** Is called once it is open. */
  onopen: { handle(event: object): void }["handle"] | null;
  /** Is called with each message. */
  onmessage: { handle(event: { readonly data: unknown }): void }["handle"] | null;
  /** Is called once it is over, with a code of RFC 6455. */
  onclose:
    | {
      handle(
        event: { readonly code: number; readonly reason: string; readonly wasClean?: boolean },
      ): void;
    }["handle"]
    | null;
  /** Is called before `onclose` where it failed; why may be in the `error` or the `message` of the event. */
  onerror: { handle(event: object): void }["handle"] | null;
  /**
   * How many bytes have come so far, also of a message that is not complete, where the socket knows. Then a message may
   * come as slowly as it likes.
   */
  readonly bytesReceived?: number;
  /** How many bytes were sent and have not left, where the socket knows. */
  readonly bufferedAmount?: number;
  /**
   * The largest message that is to be taken, in bytes, where the socket heeds that before it has all of it. A larger one
   * is a fault of the server in any case.
   */
  maxMessageBytes?: number;
}

/** Opens a socket. */
export type Dial = (url: string, protocols: string[]) => Socket;

/**
 * Opens sockets that bring the token.
 *
 * @param dial how the caller wants to open them, if that was said
 * @param token the token, if there is one
 * @returns opens one
 * @throws {TypeError} if there is nothing to open them with
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
