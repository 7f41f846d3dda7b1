/**
 * The workers of a connection that take jobs again once their peer has read.
 *
 * @module
 */

import { mustWait, type Peer } from "../transports/peer.ts";
import type { JobStream } from "./job_stream.ts";

/**
 * Lets one worker after another take jobs while the peer has room. If each checked for itself, a thousand of them would find the
 * same room, and fill it a thousand times.
 */
export class ResumeQueue {
  readonly #peer: Peer;
  /** The next one first, and for how many bytes there has to be room. */
  readonly #waiting: { readonly stream: JobStream; readonly bytes: number }[] = [];
  #resuming = false;
  #closed = false;

  /** Nobody waits yet. */
  constructor(peer: Peer) {
    this.#peer = peer;
  }

  /** A worker waits. */
  add(stream: JobStream, bytes: number): void {
    this.#waiting.push({ stream, bytes });
    if (!this.#resuming) void this.#resumeInTurn();
  }

  /** Resumes nobody any more. */
  close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
  }

  async #resumeInTurn(): Promise<void> {
    this.#resuming = true;
    for (let next; (next = this.#waiting.shift());) {
      if (next.bytes > 0) await this.#peer.waitForRoom?.(next.bytes);
      if (mustWait(this.#peer)) await this.#peer.drained();
      if (this.#closed) break;
      await next.stream.resume();
    }
    this.#resuming = false;
  }
}
