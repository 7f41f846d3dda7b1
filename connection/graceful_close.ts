/**
 * Closes a connection so that its peer gets everything that was sent before.
 *
 * @module
 */

import type { Clock } from "../queue/clock.ts";
import type { Peer } from "../transports/peer.ts";

/** A peer that was quiet for this long most likely has nothing under way, in milliseconds. */
const QUIET_PERIOD = 50;

/** How many quiet periods are waited for if the peer never stops sending. */
const MAX_PERIODS = 20;

/** How long a peer has to answer the close frame, in milliseconds. */
const CLOSE_TIMEOUT = 2000;

const NOTHING = () => {};

/** What is needed of a peer to close its connection. */
type ClosingPeer = Pick<Peer, "drained" | "close" | "drop" | "turn">;

/**
 * Sends the close frame after the peer has read everything and is quiet. If a close frame crosses data of the peer, Deno's
 * own WebSockets reset the connection, and what the peer has not read by then is lost, replies and close frame included.
 * What the peer sends meanwhile is dropped by the connection.
 */
export class GracefulClose {
  readonly #peer: ClosingPeer;
  readonly #clock: Clock;
  #closing: Promise<void> | undefined;
  #frameReceived = false;
  #ended = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #endPeriod: () => void = NOTHING;
  #cancelTimeout: () => void = NOTHING;

  /** Does nothing yet. */
  constructor(peer: ClosingPeer, clock: Clock) {
    this.#peer = peer;
    this.#clock = clock;
  }

  /** Closes with a code and a reason, unless it is closing already. A peer that does not answer is dropped. */
  close(code: number, reason: string): Promise<void> {
    return this.#closing ??= this.#close(code, reason);
  }

  async #close(code: number, reason: string): Promise<void> {
    await this.#peer.drained();
    for (let i = 0; i < MAX_PERIODS && !this.#ended; i++) {
      this.#frameReceived = false;
      await new Promise<void>((resolve) => {
        this.#endPeriod = resolve;
        this.#timer = setTimeout(resolve, QUIET_PERIOD);
      });
      if (!this.#frameReceived) break;
    }
    // Thousands may be closed at the same moment.
    const { turn } = this.#peer;
    if (turn?.isOver) await new Promise<void>((resolve) => void turn.next(resolve));
    if (this.#ended) return;
    this.#cancelTimeout = this.#clock.after(
      CLOSE_TIMEOUT,
      () => this.#peer.drop("it did not answer the close frame"),
    );
    this.#peer.close(code, reason);
  }

  /** The peer has sent something. */
  onFrame(): void {
    this.#frameReceived = true;
  }

  /** The peer is gone. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#endPeriod();
    this.#cancelTimeout();
  }
}
