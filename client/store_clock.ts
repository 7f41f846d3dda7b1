/**
 * The time by the clock of the server's store.
 *
 * @module
 */

import type { WireSince } from "../protocol/requests.ts";

/** Tells when a message expires, as far as the server has told its time. */
export class StoreClock {
  /** The store's time, as it was told at a time of `performance`. */
  #time = 0;
  #updatedAt = 0;
  #retention = 0;

  /** There is a new connection. */
  begin({ time, retention }: { readonly time: number; readonly retention: number }): void {
    this.#retention = retention;
    this.#time = 0;
    this.update(time);
  }

  /** The server has told its time, which does not go backwards. */
  update(time: number): void {
    if (time > this.#time) [this.#time, this.#updatedAt] = [time, performance.now()];
  }

  /**
   * A position that stays where it is, however often it is asked for.
   *
   * @param since where to begin, perhaps so long ago
   * @returns the same, or the time that this is
   */
  toFixed(since: WireSince | undefined): WireSince | undefined {
    if (typeof since !== "object" || !("ago" in since)) return since;
    const now = this.#time + performance.now() - this.#updatedAt;
    return { time: Math.max(0, Math.floor(now - since.ago)) };
  }

  /** When a message expires that was stored then, by the clock of `performance`. */
  expiryOf(storedAt: number): number {
    return this.#updatedAt + storedAt + this.#retention - this.#time;
  }
}
