/**
 * Giving way, where bytes come faster than they are worked off.
 *
 * Deno answers a read at once where something is there to be read: who reads in a loop never leaves it then, and neither
 * timers nor other connections of the process get their turn.
 *
 * @module
 */

/** For how long one may go on, in milliseconds. */
const SHARE = 30;

/**
 * A read that took so long, in milliseconds, had to wait, and Deno to rest: meanwhile all else had its turn. In a shorter
 * one Deno may have had something to do all the time; then it looks at timers and at the network every 61st time alone.
 */
const RESTED = 2;

/** So many opportunities to look take less than 0.1 ms; a timer, for which Deno has to rest, takes 1 ms or more. */
const OPPORTUNITIES = 70;

/** What a slice needs to know of time. */
export interface SliceClock {
  /** Milliseconds since some moment. */
  now(): number;
  /** Calls back once all else had its turn. */
  afterOthers(callback: () => void): void;
}

const SYSTEM: SliceClock = {
  now: () => performance.now(),
  afterOthers(callback) {
    let left = OPPORTUNITIES;
    const next = () => --left > 0 ? soon(next) : callback();
    next();
  },
};

/** Calls back at the next opportunity, as Deno can and browsers cannot. */
function soon(callback: () => void): void {
  (globalThis as unknown as { setImmediate(callback: () => void): void }).setImmediate(callback);
}

/** The time of one who reads on and on; all else has its turn where that is over. */
export class TimeSlice {
  readonly #clock: SliceClock;
  #begun: number;
  /** When it was looked at last. */
  #looked: number;

  /**
   * It begins now.
   *
   * @param clock tells the time. Default: the system's
   */
  constructor(clock: SliceClock = SYSTEM) {
    this.#clock = clock;
    this.#begun = this.#looked = clock.now();
  }

  /** A read is done that began right after {@linkcode TimeSlice.over}. */
  read(): void {
    const now = this.#clock.now();
    if (now - this.#looked > RESTED) this.#begun = now;
  }

  /** What to wait for before one goes on, if anything. */
  over(): Promise<void> | undefined {
    this.#looked = this.#clock.now();
    if (this.#looked - this.#begun < SHARE) return undefined;
    return new Promise((resolve) =>
      this.#clock.afterOthers(() => {
        this.#begun = this.#looked = this.#clock.now();
        resolve();
      })
    );
  }
}
