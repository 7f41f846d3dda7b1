/**
 * Peers at rest, asked now and then whether they are there.
 *
 * @module
 */

import type { Bounds } from "./transport.ts";

/** One who may be at rest. */
export interface Resting {
  /** Asks its peer whether it is there, if it is at rest. */
  ping(): void;
}

/** They take turns in so many parts of the time that they may rest: to ask thousands at once would hold others up. */
const PARTS = 16;

/** Asks all in turn, with one timer; there is none while nobody is there. */
export class Pings {
  readonly #rest: number;
  readonly #after: Bounds["after"];
  readonly #parts = Array.from({ length: PARTS }, () => new Set<Resting>());
  #count = 0;
  #joined = 0;
  #next = 0;
  #callOff: (() => void) | undefined;
  #empty: PromiseWithResolvers<void> | undefined;

  /** Nobody is there yet. */
  constructor({ rest, after }: Pick<Bounds, "rest" | "after">) {
    this.#rest = rest;
    this.#after = (ms, callback) => after(ms, callback);
  }

  /**
   * One more is there.
   *
   * @returns to be called once it has gone
   */
  add(peer: Resting): () => void {
    const part = this.#parts[this.#joined++ % PARTS]!;
    part.add(peer);
    if (this.#count++ === 0) this.#turn();
    return () => {
      if (!part.delete(peer) || --this.#count > 0) return;
      this.stop();
      this.#empty?.resolve();
    };
  }

  /** Resolves once nobody is there. */
  empty(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    this.#empty ??= Promise.withResolvers();
    return this.#empty.promise;
  }

  /** Asks nobody any more. */
  stop(): void {
    this.#callOff?.();
    this.#callOff = undefined;
  }

  #turn(): void {
    if (this.#rest === Infinity) return;
    this.#callOff = this.#after(this.#rest / PARTS, () => {
      this.#turn();
      for (const peer of this.#parts[this.#next++ % PARTS]!) peer.ping();
    });
  }
}
