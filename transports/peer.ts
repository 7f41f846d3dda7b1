/**
 * The other end of a connection, however it arrived.
 *
 * @module
 */

import type { Turn } from "../budgets/turns.ts";
import type { SharedSuffix } from "../protocol/shared_suffix.ts";
import type { InputLimit } from "./limited_input.ts";

/** Requests of a peer are processed while fewer bytes than this wait for it to read them. */
export const BUFFER_LIMIT = 256 * 1024;

/** A connected peer. None of its methods throws, whatever the peer does. */
export interface Peer {
  /** Sends a text frame, of this many bytes if that is known. Does nothing if the peer is gone. */
  send(frame: string, bytes?: number): void;
  /** The same for a frame whose end is shared with other connections. It is not copied for each of them, if possible. */
  sendShared?(head: string, suffix: SharedSuffix, bytes: number): void;
  /** How many bytes the peer has sent, incomplete frames included. Not every transport knows. */
  readonly bytesReceived?: number | undefined;
  /** What the peer has sent waits to be read: it is not really silent. */
  readonly hasUnreadInput?: boolean;
  /** When its requests may be processed. Default: whenever the server has time. */
  readonly turn?: Turn;
  /** The peer has reported that it has read something: nothing else may show that. */
  confirmRead?(): void;
  /** The peer cannot report that it has read: it gets time for everything that the system may buffer. */
  cannotConfirmReads?(): void;
  /** Charges its memory to this holder from now on, and not to its address. */
  assignTo?(holder: string): void;
  /** How many bytes the peer has not read yet. */
  readonly buffered: number;
  /** The same, measured now and not estimated from what was sent. Not every transport can. */
  readonly unreadBytes?: number;
  /** The memory of all peers is so scarce that one with this many unread bytes has to read first. Default: never. */
  mustReadFirst?(bytes: number): boolean;
  /** Whether this many bytes more may be sent now: it may have to wait if others are sent much. Default: they may. */
  hasRoom?(bytes: number): boolean;
  /** Resolves once they may, or once the peer is gone. */
  waitForRoom?(bytes: number): Promise<void>;
  /** Resolves once little is buffered, or once the peer is gone. */
  drained(): Promise<void>;
  /** Sends a close frame with a code of RFC 6455 and a reason, and waits for the peer's. */
  close(code: number, reason: string): void;
  /** The same for a peer that broke the rules: nothing more of it is read, so it has to be dropped soon. */
  closeAndStopReading(code: number, reason: string): void;
  /**
   * Limits what the peer may send from now on; `undefined` ends the limit. What exceeds it is not read, and `exceeded` is
   * called, once. Not every transport can do this.
   */
  limitInput?(limit: InputLimit | undefined, onExceeded?: () => void): void;
  /** Ends the connection at once, and logs why. May be called twice. */
  drop(reason: string): void;
}

/** Handles what comes from a peer. */
export interface PeerEvents {
  /** The data of a frame came: a string if it is text, anything else if it is not. */
  receive(data: unknown): void;
  /** The peer is gone. Called once. */
  end(): void;
}

/** A message of at most this many bytes needs no room: checking would take as long as sending it. */
const SMALL_BYTES = 512;

/** Whether a peer may be sent a message of this many bytes now. */
export function hasRoom(peer: Pick<Peer, "hasRoom">, bytes: number): boolean {
  return bytes <= SMALL_BYTES || (peer.hasRoom?.(bytes) ?? true);
}

/**
 * Whether a peer has to read before more is done for it. `added` is how many bytes it will be sent besides. They count
 * only if room is scarce.
 */
export function mustWait(peer: Pick<Peer, "buffered" | "mustReadFirst">, added = 0): boolean {
  const { buffered } = peer;
  return buffered >= BUFFER_LIMIT || (peer.mustReadFirst?.(buffered + added) ?? false);
}

/** Stands in for a peer whose handshake failed. */
const NO_PEER: Peer = {
  send() {},
  buffered: 0,
  drained: () => Promise.resolve(),
  close() {},
  closeAndStopReading() {},
  drop() {},
};

/** The handshake of an admitted peer has failed: it is gone before it came. */
export function handshakeFailed(onConnected: (peer: Peer) => PeerEvents): void {
  onConnected(NO_PEER).end();
}
