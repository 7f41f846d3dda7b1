/**
 * The clock of the server's store.
 *
 * @module
 */

import type { WireSince } from "../protocol/requests.ts";

/** Calculates when messages expire, from the times that the server has reported. */
export class StoreClock {
  /** The last time of the store, and the time of `performance` at which it was reported. */
  #time = 0;
  #updatedAt = 0;
  #retention = 0;

  /** There is a new socket. */
  begin({ time, retention }: { readonly time: number; readonly retention: number }): void {
    this.#retention = retention;
    this.#time = 0;
    this.update(time);
  }

  /** The server has reported its time, which never goes back. */
  update(time: number): void {
    if (time > this.#time) [this.#time, this.#updatedAt] = [time, performance.now()];
  }

  /**
   * Fixes a position that is relative to now, so that it stays the same however often it is requested.
   *
   * @param since where to begin, perhaps so long ago
   * @returns the same, or the time that it means
   */
  toFixed(since: WireSince | undefined): WireSince | undefined {
    if (typeof since !== "object" || !("ago" in since)) return since;
    const now = this.#time + performance.now() - this.#updatedAt;
    return { time: Math.max(0, Math.floor(now - since.ago)) };
  }

  /** When a message expires that was stored at a time of the store, by the clock of `performance`. */
  expiryOf(storedAt: number): number {
    return this.#updatedAt + storedAt + this.#retention - this.#time;
  }
}
