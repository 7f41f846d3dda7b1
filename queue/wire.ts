/**
 * What a session asks of the line to its peer.
 *
 * @module
 */

/** At most so many bytes wait for a peer to read them, and one frame more. */
export const BUFFER_LIMIT = 256 * 1024;

/** A line to one peer. None of its methods throws, whatever the peer does. */
export interface Wire {
  /** Sends a text frame; in vain if the peer is gone. */
  send(frame: string): void;
  /** How many bytes the peer has yet to read. */
  readonly buffered: number;
  /** Resolves once little is buffered, or the peer is gone. */
  drained(): Promise<void>;
  /** Says goodbye, with a close code of RFC 6455 and a reason. */
  close(code: number, reason: string): void;
}
