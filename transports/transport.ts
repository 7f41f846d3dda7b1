/**
 * How peers arrive: what a transport offers, and what it needs from the server.
 *
 * @module
 */

import type { Budget } from "../budgets/budget.ts";
import type { Peer, PeerEvents } from "./peer.ts";

/** What the server does with requests and peers. */
export interface ConnectionHandler {
  /**
   * Answers a request that is not for a WebSocket.
   *
   * @param request the request. Its body is handed over as fast as it is read; what is not read is dropped. Its `signal` aborts
   * when the client leaves before the response is complete
   * @param from the address of the client
   * @param watch calls back if the client leaves before it has its response, until the function that it returns is called.
   * Default: the signal of the request tells
   * @returns the response. A body may be a stream without an end, of bytes: it is read as fast as the client reads, cancelled
   * when that leaves, and if it fails the client sees that it is not complete
   */
  http(
    request: Request,
    from: string,
    watch?: (request: Request, onLeft: () => void) => () => void,
  ): Response | Promise<Response>;
  /**
   * Admits a request for a WebSocket, or replies to it otherwise.
   *
   * @param request the request
   * @param from the address of the client
   * @returns the response; or a function that is called once with the peer, also if that is gone by then or its handshake
   * failed: then its connection ends at once
   */
  admit(request: Request, from: string): Promise<Response | ((peer: Peer) => PeerEvents)>;
  /** An unexpected error. */
  onError(error: unknown): void;
  /** A peer was dropped: its connection has ended without its consent. */
  onPeerDropped(dropped: DroppedPeer): void;
  /** A request was refused before the server saw it: why, and from which address. */
  onRefused(reason: string, from: string): void;
  /** A line of text for the operator of the server. */
  report(what: string): void;
}

/** A peer whose connection was ended. */
export interface DroppedPeer {
  /** Why: the text after "dropped a peer: ". */
  readonly reason: string;
  /** Its address, if that is known. */
  readonly address?: string;
  /** It did not read what waited for it. Default: it was something else. */
  readonly isSlowReader?: boolean;
}

/** An open port. */
export interface Listener {
  readonly host: string;
  readonly port: number;
  /**
   * Uses another certificate for new connections. `builtin` closes its connections for that (1001).
   *
   * @param tls certificate and key, in PEM, already checked; the port has TLS already
   * @throws {Error} if it cannot be used; then the old one remains
   */
  renew(tls: NonNullable<ListenAddress["tls"]>): Promise<void>;
  /** Closes the port and all connections. */
  stop(): Promise<void>;
}

/** Where to listen. */
export interface ListenAddress {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** With TLS: the certificate and its key, in PEM. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
}

/** The limits of peers. */
export interface PeerLimits {
  /** The largest complete frame of a client, in bytes. Deno's own WebSockets cannot enforce it. */
  readonly frameBytes: number;
  /** Memory for incomplete requests and frames of all connections, in bytes. Not with `Deno.serve`. */
  readonly partial: Budget;
  /** Memory for what all peers have not read yet, in bytes. */
  readonly unread: Budget;
  /** How long the headers of a request may take to arrive, in milliseconds. `Deno.serve` has no such limit. */
  readonly headerTimeout: number;
  /** For how long a peer that has much to read may read nothing, in milliseconds; longer with large frames. */
  readonly slowReaderTimeout: number;
  /** How long a peer may be idle before it is pinged, in milliseconds: proxies cut idle connections. */
  readonly idlePingInterval: number;
  /** Ends the wait for modules that have to be loaded first. */
  readonly stop?: AbortSignal | undefined;
  /** Calls back once, after this many milliseconds. Returns a function that cancels it. */
  after(ms: number, callback: () => void): () => void;
}

/** Opens a port; throws the error of the system if it cannot. */
export type Transport = (
  address: ListenAddress,
  handler: ConnectionHandler,
  limits: PeerLimits,
) => Promise<Listener>;
