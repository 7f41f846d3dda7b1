/**
 * Pings idle peers.
 *
 * @module
 */

import type { PeerLimits } from "./transport.ts";

/** A peer that may be idle. */
export interface PingTarget {
  /** Pings the peer if it is idle. */
  checkIdle(): void;
}

/** So often each peer is checked in the interval: what came just after a check would otherwise count twice as long. */
export const CHECKS = 4;

/** Peers are spread over this many parts of the time between two checks: to ping thousands at once would block others. */
const BUCKETS = 16;

/** Checks all in turn, with one timer. Without peers there is no timer. */
export class IdlePings {
  readonly #interval: number;
  readonly #after: PeerLimits["after"];
  readonly #buckets = Array.from({ length: BUCKETS }, () => new Set<PingTarget>());
  #count = 0;
  #added = 0;
  #next = 0;
  #cancel: (() => void) | undefined;
  #empty: PromiseWithResolvers<void> | undefined;

  /** Starts without peers. */
  constructor(
    { idlePingInterval: interval, after }: Pick<PeerLimits, "idlePingInterval" | "after">,
  ) {
    this.#interval = interval;
    this.#after = (ms, callback) => after(ms, callback);
  }

  /**
   * Adds a peer.
   *
   * @returns a function that removes it
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

  /** Resolves once there are no peers. */
  empty(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    this.#empty ??= Promise.withResolvers();
    return this.#empty.promise;
  }

  /** Stops checking. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #schedule(): void {
    if (this.#interval === Infinity) return;
    this.#cancel = this.#after(this.#interval / (CHECKS * BUCKETS), () => {
      this.#schedule();
      for (const peer of this.#buckets[this.#next++ % BUCKETS]!) peer.checkIdle();
    });
  }
}
