/**
 * The other end of a connection, however it arrived.
 *
 * @module
 */

import type { Turn } from "../budgets/turns.ts";
import type { SharedSuffix } from "../protocol/shared_suffix.ts";
import type { InputLimit } from "./limited_input.ts";

/** A peer's requests go on while fewer bytes than this wait for it to read them; then they wait. */
export const BUFFER_LIMIT = 256 * 1024;

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
  /** All peers have so much to read that one which has that many bytes to read has to read them first. Default: never. */
  mustReadFirst?(bytes: number): boolean;
  /** Whether it may be sent so many bytes more now: it may have to wait where others are sent much. Default: it may. */
  hasRoom?(bytes: number): boolean;
  /** Resolves once it may, or is gone. */
  waitForRoom?(bytes: number): Promise<void>;
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

/** A message of at most this many bytes needs no room of its own: asking for it would take as long as sending it. */
const SMALL_BYTES = 512;

/** Whether a peer may be sent a message of this many bytes now. */
export function hasRoom(peer: Pick<Peer, "hasRoom">, bytes: number): boolean {
  return bytes <= SMALL_BYTES || (peer.hasRoom?.(bytes) ?? true);
}

/**
 * Whether a peer has to read before more is done for it. `added` is what it will be sent besides, in bytes. It counts
 * where room is scarce: elsewhere it still fills a frame.
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
