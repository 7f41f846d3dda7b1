/**
 * Peers that have much to read, looked after with one timer for all.
 *
 * @module
 */

import type { Bounds } from "./transport.ts";

/** How often to look, in milliseconds. */
const EVERY = 1000;

/** A peer that is looked after. */
export interface Watched {
  /** Has it read since the last look, or need it not be looked after any more? */
  look(): "has read" | "has not read" | "is well";
  /** For how much longer than others it may read nothing, in milliseconds. */
  readonly slack: number;
  /** Gives it up. */
  drop(why: string): void;
}

/**
 * Gives up those who read nothing for too long. There is no timer while nobody has to be looked after,
 * so peers at rest cost nothing. Time is counted in looks: a clock that is set forward gives nobody up.
 */
export class Watch {
  readonly #after: Bounds["after"];
  readonly #patience: number;
  /** How many looks in a row found each as it was. */
  readonly #still = new Map<Watched, number>();
  #callOff: (() => void) | undefined;

  /** Makes one that looks after nobody. */
  constructor({ patience, after }: Pick<Bounds, "patience" | "after">) {
    this.#after = (ms, callback) => after(ms, callback);
    this.#patience = patience;
  }

  /** Looks after one more. */
  add(peer: Watched): void {
    this.#still.set(peer, 0);
    this.#callOff ??= this.#after(EVERY, () => this.#look());
  }

  /** Looks no more after one who is gone. */
  delete(peer: Watched): void {
    if (this.#still.delete(peer) && this.#still.size === 0) this.stop();
  }

  /** Looks no more after anybody. */
  stop(): void {
    this.#still.clear();
    this.#callOff?.();
    this.#callOff = undefined;
  }

  #look(): void {
    this.#callOff = undefined;
    for (const [peer, still] of this.#still) {
      const seen = peer.look();
      if (seen === "is well") this.#still.delete(peer);
      else if (seen === "has read") this.#still.set(peer, 0);
      else if ((still + 1) * EVERY < this.#patience + peer.slack) this.#still.set(peer, still + 1);
      else {
        this.#still.delete(peer);
        peer.drop(`it read nothing for ${(still + 1) * EVERY / 1000} s`);
      }
    }
    if (this.#still.size > 0) this.#callOff ??= this.#after(EVERY, () => this.#look());
  }
}
