/**
 * Giving way, where bytes come faster than they are worked off.
 *
 * Deno answers a read at once where something is there to be read: who reads in a loop never leaves it then, and neither
 * timers nor other connections of the process get their turn.
 *
 * @module
 */

/** For how long one may go on, in milliseconds. */
const SHARE = 5;

/** A read that took so long, in milliseconds, had to wait: meanwhile all else had its turn. */
const WAITED = 0.05;

/** The time of one who reads on and on; all else has its turn where that is over. */
export class TimeSlice {
  #begun = performance.now();
  /** When it was looked at last. */
  #looked = this.#begun;

  /** A read is done that began right after {@linkcode TimeSlice.over}. */
  read(): void {
    const now = performance.now();
    if (now - this.#looked > WAITED) this.#begun = now;
  }

  /** What to wait for before one goes on, if anything. */
  over(): Promise<void> | undefined {
    this.#looked = performance.now();
    if (this.#looked - this.#begun < SHARE) return undefined;
    return new Promise((resolve) =>
      setTimeout(() => {
        this.#begun = this.#looked = performance.now();
        resolve();
      }, 0)
    );
  }
}
