/**
 * Makes connections of `node:tls` stop reading when they are paused.
 *
 * @module
 */

import type { Socket } from "node:net";

/** What reads from the system, below a socket. */
interface Handle {
  readStart(): unknown;
  readStop(): unknown;
}

/** A socket and what is below it; with TLS its parent is the TCP connection. */
interface TlsInternals {
  readonly _handle?: Partial<Handle> | null;
  readonly _parent?: (Socket & { readonly _handle?: Partial<Handle> | null }) | null;
}

/** The TCP connection of a socket: another one with TLS, else itself. */
export function underlyingSocket(socket: Socket): Socket {
  return (socket as unknown as TlsInternals)._parent ?? socket;
}

/**
 * Makes a connection stop reading together with its TLS socket. On Deno 2.9 decryption continues when the socket is paused or
 * full: a client that is not read could send without end, and all of it would stay in memory.
 *
 * @param socket one whose TLS handshake is done
 */
export function propagateReadStop(socket: Socket): void {
  const { _handle: inner, _parent: connection } = socket as unknown as TlsInternals;
  if (!inner?.readStart || !inner.readStop || !connection?._handle?.readStop) return;
  const { readStart, readStop } = inner;
  // It may be closed already.
  inner.readStop = function () {
    connection._handle?.readStop?.();
    return readStop.call(inner);
  };
  inner.readStart = function () {
    connection._handle?.readStart?.();
    return readStart.call(inner);
  };
}
