/**
 * How peers arrive, and the line to each: what a transport offers, and what it asks of the server.
 *
 * @module
 */

import type { Budget } from "../budgets/budget.ts";
import type { Turn } from "../budgets/turns.ts";
import type { SharedSuffix } from "../protocol/shared_suffix.ts";
import type { InputLimit } from "./limited_input.ts";

/** A peer that is connected. None of its methods throws, whatever the peer does. */
export interface Peer {
  /** Sends a text frame, of so many bytes if that is known; in vain if the peer is gone. */
  send(frame: string, bytes?: number): void;
  /** The same, of a frame that ends as those of others do. It is not copied for each of them, if that can be. */
  sendShared?(head: string, suffix: SharedSuffix, bytes: number): void;
  /** How many bytes the peer has sent, also of a frame that is not complete. Not every transport knows. */
  readonly bytesReceived?: number | undefined;
  /** What the peer sends waits to be read: it is silent only in appearance. */
  readonly hasUnreadInput?: boolean;
  /** When what it asks for may be done. Default: whenever the server has time. */
  readonly turn?: Turn;
  /** The peer has said that it has read since it said so last: where that shows in nothing else. */
  confirmRead?(): void;
  /** The peer has no way to say that it has read: it has time for all that the system may hold back. */
  cannotConfirmReads?(): void;
  /** What it takes of memory counts as this holder's from now on, and not as its address's. */
  assignTo?(holder: string): void;
  /** How many bytes the peer has yet to read. */
  readonly buffered: number;
  /** All peers have so much to read that one which has that many bytes to read has to read them first. */
  mustReadFirst?(bytes: number): boolean;
  /** Whether it may be sent so many bytes more now: it may have to wait where others are sent much. */
  hasRoom(bytes: number): boolean;
  /** Resolves once it may, or is gone. */
  waitForRoom(bytes: number): Promise<void>;
  /** Resolves once little is buffered, or the peer is gone. */
  drained(): Promise<void>;
  /** Says goodbye, with a close code of RFC 6455 and a reason, and waits for the peer's. */
  close(code: number, reason: string): void;
  /** Says goodbye to one who broke the rules, or has no time: nothing more of it is read, so it has to be dropped soon. */
  closeAndStopReading(code: number, reason: string): void;
  /**
   * Holds what the peer sends to a limit from now on; with `undefined` as much may come as will. What comes beyond is not
   * looked at, and `exceeded` is called, once. Not every transport can.
   */
  limitInput?(limit: InputLimit | undefined, onExceeded?: () => void): void;
  /** Gives the peer up, and says why in the log: its visit is over at once, whatever it does. May be called twice. */
  drop(reason: string): void;
}

/** What takes a peer's frames. */
export interface PeerEvents {
  /** Takes the data of a frame: text, or else something that is not text. */
  receive(data: unknown): void;
  /** The peer is gone. Called once. */
  end(): void;
}

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
