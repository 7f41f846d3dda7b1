/**
 * Connections of `node:tls` that stop reading when they are told to.
 *
 * @module
 */

import type { Socket } from "node:net";

/** What reads from the system, below a socket. */
interface Handle {
  readStart(): unknown;
  readStop(): unknown;
}

/** A socket with what is below it; over TLS the connection that it came by is its parent. */
interface TlsInternals {
  readonly _handle?: Partial<Handle> | null;
  readonly _parent?: (Socket & { readonly _handle?: Partial<Handle> | null }) | null;
}

/** The connection that a socket came by: another one over TLS, else itself. */
export function underlyingSocket(socket: Socket): Socket {
  return (socket as unknown as TlsInternals)._parent ?? socket;
}

/**
 * Has a connection stop reading with its socket of TLS. On Deno 2.9 what decrypts goes on when that one is paused or has
 * enough to hand over: who is not read can send without end, and all of it is kept in memory.
 *
 * @param socket one that has come to terms about TLS
 */
export function propagateReadStop(socket: Socket): void {
  const { _handle: inner, _parent: connection } = socket as unknown as TlsInternals;
  if (!inner?.readStart || !inner.readStop || !connection?._handle?.readStop) return;
  const { readStart, readStop } = inner;
  // It may be closed by then.
  inner.readStop = function () {
    connection._handle?.readStop?.();
    return readStop.call(inner);
  };
  inner.readStart = function () {
    connection._handle?.readStart?.();
    return readStart.call(inner);
  };
}
