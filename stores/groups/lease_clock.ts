/**
 * The clocks by which leases end, and groups are forgotten.
 *
 * @module
 */

/**
 * The clock of leases advances at most so much at a time, in milliseconds: half of the shortest lease. Who renews that in time,
 * every third of it, has more than this left when the server is stopped, and so when it is woken.
 */
const LEASE_STEP = 500;

/** How much the time advances at most for groups on which nobody works, in milliseconds. */
export const IDLE_STEP = 60_000;

/**
 * Counts the time in which the store was at work. If the server was stopped for an hour, or is too busy, that counts for half a second: so that
 * whoever extends a lease has a chance to be heard before it ends.
 */
export class LeaseClock {
  /** The time, in milliseconds since some moment. */
  now = 0;
  readonly #maxStep: number;
  /** The store's time when it was advanced last. Default: it never was. */
  at: number | undefined;

  /**
   * Begins at 0.
   *
   * @param maxStep how much it advances at a time, in milliseconds. Default: as is right for leases
   */
  constructor(maxStep: number = LEASE_STEP) {
    this.#maxStep = maxStep;
  }

  /** Goes on to a time of the store. */
  advance(time: number): void {
    this.now += Math.min(this.#maxStep, Math.max(0, time - (this.at ?? time)));
    this.at = time;
  }
}
