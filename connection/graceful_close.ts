/**
 * How a peer is told that it has to go.
 *
 * @module
 */

import type { Clock } from "../queue/clock.ts";
import type { Peer } from "../transports/peer.ts";

/** A peer that has said nothing for so long, in milliseconds, has most likely nothing under way. */
const QUIET_PERIOD = 50;

/** One who talks on without end is waited for so many times. */
const MAX_PERIODS = 20;

/** How long a peer has to answer, in milliseconds. */
const CLOSE_TIMEOUT = 2000;

const NOTHING = () => {};

/** What is needed of a line to say goodbye over it. */
type ClosingPeer = Pick<Peer, "drained" | "close" | "drop" | "turn">;

/**
 * Says goodbye once all that was sent has been read, and nothing is heard any more: where a goodbye crosses
 * what the peer says, Deno's own WebSockets reset the connection, and what the peer has not read by then,
 * answers and goodbye, is lost. What it says meanwhile is its visit's to drop.
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

  /** Says nothing yet. */
  constructor(peer: ClosingPeer, clock: Clock) {
    this.#peer = peer;
    this.#clock = clock;
  }

  /** Says it, with a close code and a reason, unless it is being said; whoever does not answer is given up. */
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
    // Thousands may be told at one moment.
    const { turn } = this.#peer;
    if (turn?.isOver) await new Promise<void>((resolve) => void turn.next(resolve));
    if (this.#ended) return;
    this.#cancelTimeout = this.#clock.after(
      CLOSE_TIMEOUT,
      () => this.#peer.drop("it did not answer the goodbye"),
    );
    this.#peer.close(code, reason);
  }

  /** The peer has said something. */
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
