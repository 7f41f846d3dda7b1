/**
 * The clock by which leases end.
 *
 * @module
 */

/**
 * It advances at most so much at a time, in milliseconds: half of the shortest lease. Who renews that in time, every third of
 * it, has more than this left when the server is stopped, and so when it is woken.
 */
const MAX_STEP = 500;

/**
 * Counts the time in which the store was at work. If the server was stopped for an hour, or is too busy, that counts for half a second: so that
 * whoever extends a lease has a chance to be heard before it ends.
 */
export class LeaseClock {
  /** The time, in milliseconds since some moment. */
  now = 0;
  /** The store's time when it was advanced last. */
  #at: number | undefined;

  /** Goes on to a time of the store. */
  advance(time: number): void {
    this.now += Math.min(MAX_STEP, Math.max(0, time - (this.#at ?? time)));
    this.#at = time;
  }
}
