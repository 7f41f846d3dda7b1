/**
 * What a session asks of the line to its peer.
 *
 * @module
 */

import type { Turn } from "../budgets/turns.ts";
import type { SharedSuffix } from "../protocol/shared_suffix.ts";

/** What a peer asks for goes on while fewer bytes than this wait for it to read them; then it waits. */
export const BUFFER_LIMIT = 256 * 1024;

/** A line to one peer. None of its methods throws, whatever the peer does. */
export interface Peer {
  /** Sends a text frame, of so many bytes if that is known; in vain if the peer is gone. */
  send(frame: string, bytes?: number): void;
  /** The same, of a frame that ends as those of others do. Default: it is sent as any other. */
  sendShared?(head: string, suffix: SharedSuffix, bytes: number): void;
  /** How many bytes the peer has sent, also of a frame that is not complete. Not every transport knows. */
  readonly bytesReceived?: number | undefined;
  /** What the peer sends waits to be read: it is silent only in appearance. */
  readonly hasUnreadInput?: boolean;
  /** When what it asks for may be done. Default: whenever the server has time. */
  readonly turn?: Turn;
  /** The peer has said that it has read since it said so last. */
  confirmRead?(): void;
  /** The peer has no way to say that it has read. */
  cannotConfirmReads?(): void;
  /** What it takes of what peers share counts as this holder's from now on. Default: as its address's. */
  assignTo?(holder: string): void;
  /** How many bytes the peer has yet to read. */
  readonly buffered: number;
  /** All peers have so much to read that one which has that many bytes to read has to read them first. Default: never. */
  mustReadFirst?(bytes: number): boolean;
  /** Whether the peer may be sent so many bytes more now. Default: it may. */
  hasRoom?(bytes: number): boolean;
  /** Resolves once it may, or is gone. */
  waitForRoom?(bytes: number): Promise<void>;
  /** Resolves once little is buffered, or the peer is gone. */
  drained(): Promise<void>;
  /** Says goodbye, with a close code of RFC 6455 and a reason. */
  close(code: number, reason: string): void;
  /** Gives the peer up, whatever it does, and says why in the log. */
  drop(reason: string): void;
}

/** What is so small needs no room of its own, in bytes: to ask for it would take as long as to send it. */
const SMALL_BYTES = 512;

/** Whether a peer may be sent a message of so many bytes now. */
export function hasRoom(peer: Pick<Peer, "hasRoom">, bytes: number): boolean {
  return bytes <= SMALL_BYTES || (peer.hasRoom?.(bytes) ?? true);
}

/**
 * Whether a peer has to read before more is done for it; `added` is what it will be sent besides, in bytes, which counts
 * where room is scarce: else it still fills a frame.
 */
export function mustWait(peer: Pick<Peer, "buffered" | "mustReadFirst">, added = 0): boolean {
  const { buffered } = peer;
  return buffered >= BUFFER_LIMIT || (peer.mustReadFirst?.(buffered + added) ?? false);
}
