/**
 * How a peer is told that it has to go.
 *
 * @module
 */

import type { Clock } from "./clock.ts";
import type { Wire } from "./wire.ts";

/** A peer that has said nothing for so long, in milliseconds, has most likely nothing under way. */
const LULL = 50;

/** One who talks on without end is waited for so many times. */
const MOST = 20;

/** How long a peer has to answer, in milliseconds. */
const GRACE = 2000;

const NOTHING = () => {};

/** What is needed of a line to say goodbye over it. */
type Farewell = Pick<Wire, "drained" | "close" | "drop" | "turn">;

/**
 * Says goodbye once all that was sent has been read, and nothing is heard any more: where a goodbye crosses
 * what the peer says, Deno's own WebSockets reset the connection, and what the peer has not read by then,
 * answers and goodbye, is lost. What it says meanwhile is its visit's to drop.
 */
export class Goodbye {
  readonly #wire: Farewell;
  readonly #clock: Clock;
  #said: Promise<void> | undefined;
  #heard = false;
  #ended = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #endLull: () => void = NOTHING;
  #callOff: () => void = NOTHING;

  /** Says nothing yet. */
  constructor(wire: Farewell, clock: Clock) {
    this.#wire = wire;
    this.#clock = clock;
  }

  /** Says it, with a close code and a reason, unless it is being said; whoever does not answer is given up. */
  say(code: number, reason: string): Promise<void> {
    return this.#said ??= this.#say(code, reason);
  }

  async #say(code: number, reason: string): Promise<void> {
    await this.#wire.drained();
    for (let i = 0; i < MOST && !this.#ended; i++) {
      this.#heard = false;
      await new Promise<void>((resolve) => {
        this.#endLull = resolve;
        this.#timer = setTimeout(resolve, LULL);
      });
      if (!this.#heard) break;
    }
    // Thousands may be told at one moment.
    const { turn } = this.#wire;
    if (turn?.isOver) await new Promise<void>((resolve) => void turn.next(resolve));
    if (this.#ended) return;
    this.#callOff = this.#clock.after(
      GRACE,
      () => this.#wire.drop("it did not answer the goodbye"),
    );
    this.#wire.close(code, reason);
  }

  /** The peer has said something. */
  heard(): void {
    this.#heard = true;
  }

  /** The peer is gone. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#endLull();
    this.#callOff();
  }
}
