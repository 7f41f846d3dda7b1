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

/** Sees to it that all else has its turn, too. */
export class Turns {
  #begun = performance.now();

  /** A read has begun; what it returns is called when that is done. */
  reads(): () => void {
    const begun = performance.now();
    return () => {
      const now = performance.now();
      if (now - begun > WAITED) this.#begun = now;
    };
  }

  /** What to wait for before one goes on, if anything. */
  over(): Promise<void> | undefined {
    if (performance.now() - this.#begun < SHARE) return undefined;
    return new Promise((resolve) =>
      setTimeout(() => {
        this.#begun = performance.now();
        resolve();
      }, 0)
    );
  }
}
