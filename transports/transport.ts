/**
 * How peers arrive: what a transport offers, and what it asks of the server.
 *
 * @module
 */

import type { Budget } from "../budgets/budget.ts";
import type { Peer, PeerEvents } from "./peer.ts";

/** What the server does for those who arrive. */
export interface ConnectionHandler {
  /** Answers a request that is not for a WebSocket, from this address. */
  http(request: Request, from: string): Response;
  /**
   * Admits a request for a WebSocket, or answers it otherwise.
   *
   * @param request the request
   * @param from the address that it comes from
   * @returns the answer; or what is called once with the peer, also if that is gone by then or its handshake fails:
   * its visit is then over at once
   */
  admit(request: Request, from: string): Promise<Response | ((peer: Peer) => PeerEvents)>;
  /** Takes note of an error that should not be. */
  onError(error: unknown): void;
  /** Takes note that a peer was given up, and why: what comes after "gave up a peer: ". */
  onPeerDropped(reason: string): void;
  /** Takes note that a request was refused that the house did not get to see, why, and from where it came. */
  onRefused(reason: string, from: string): void;
  /** Says what who runs the server should know, in a line. */
  report(what: string): void;
}

/** An open port. */
export interface Listener {
  readonly host: string;
  readonly port: number;
  /**
   * Has those who come from now on get another certificate. `builtin` closes its connections for that (1001).
   *
   * @param tls certificate and key, in PEM, which have been checked; the port has TLS already
   * @throws {Error} if it cannot be used; then the old one counts on
   */
  renew(tls: NonNullable<ListenAddress["tls"]>): Promise<void>;
  /** Closes the port and whatever is still connected. */
  stop(): Promise<void>;
}

/** Where to listen. */
export interface ListenAddress {
  readonly host: string;
  /** 0 for any port that is free. */
  readonly port: number;
  /** With TLS: the certificate and its key, in PEM. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
}

/** What peers are held to. */
export interface PeerLimits {
  /** The largest frame of a client, whole, in bytes. Deno's own WebSockets cannot be held to it. */
  readonly frameBytes: number;
  /** Memory for requests and frames that have not come whole, of all connections, in bytes. Not on `Deno.serve`. */
  readonly partial: Budget;
  /** Memory for what all peers have yet to read, in bytes. */
  readonly unread: Budget;
  /** How long the headers of a request may take to come, in milliseconds. `Deno.serve` waits for ever. */
  readonly headerTimeout: number;
  /** For how long a peer may read nothing, while it has much to read, in milliseconds; longer with large frames. */
  readonly slowReaderTimeout: number;
  /** How long a peer may be at rest before it is asked whether it is there, in milliseconds: proxies cut what rests. */
  readonly idlePingInterval: number;
  /** Ends the wait for what has to be fetched first. */
  readonly stop?: AbortSignal | undefined;
  /** Calls back once, after so many milliseconds; returns how to call it off. */
  after(ms: number, callback: () => void): () => void;
}

/** Opens a port; throws what the system says if it cannot. */
export type Transport = (
  address: ListenAddress,
  handler: ConnectionHandler,
  limits: PeerLimits,
) => Promise<Listener>;
