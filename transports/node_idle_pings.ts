/**
 * Peers at rest, asked now and then whether they are there.
 *
 * @module
 */

import type { PeerLimits } from "./transport.ts";

/** One who may be at rest. */
export interface PingTarget {
  /** Asks its peer whether it is there, if it is at rest. */
  ping(): void;
}

/** They take turns in so many parts of the time that they may rest: to ask thousands at once would hold others up. */
const BUCKETS = 16;

/** Asks all in turn, with one timer; there is none while nobody is there. */
export class IdlePings {
  readonly #interval: number;
  readonly #after: PeerLimits["after"];
  readonly #buckets = Array.from({ length: BUCKETS }, () => new Set<PingTarget>());
  #count = 0;
  #added = 0;
  #next = 0;
  #cancel: (() => void) | undefined;
  #empty: PromiseWithResolvers<void> | undefined;

  /** Nobody is there yet. */
  constructor(
    { idlePingInterval: interval, after }: Pick<PeerLimits, "idlePingInterval" | "after">,
  ) {
    this.#interval = interval;
    this.#after = (ms, callback) => after(ms, callback);
  }

  /**
   * One more is there.
   *
   * @returns to be called once it has gone
   */
  add(peer: PingTarget): () => void {
    const bucket = this.#buckets[this.#added++ % BUCKETS]!;
    bucket.add(peer);
    if (this.#count++ === 0) this.#schedule();
    return () => {
      if (!bucket.delete(peer) || --this.#count > 0) return;
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
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #schedule(): void {
    if (this.#interval === Infinity) return;
    this.#cancel = this.#after(this.#interval / BUCKETS, () => {
      this.#schedule();
      for (const peer of this.#buckets[this.#next++ % BUCKETS]!) peer.ping();
    });
  }
}
