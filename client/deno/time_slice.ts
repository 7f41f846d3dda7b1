/**
 * Giving way, where bytes come faster than they are worked off.
 *
 * Deno answers a read at once where something is there to be read: who reads in a loop never leaves it then, and neither
 * timers nor other connections of the process get their turn.
 *
 * @module
 */

/** For how long one may go on, in milliseconds. */
const SLICE = 30;

/**
 * A read that took so long, in milliseconds, had to wait, and Deno to rest: meanwhile all else had its turn. In a shorter
 * one Deno may have had something to do all the time; then it looks at timers and at the network every 61st time alone.
 */
const IDLE_READ = 2;

/** So many opportunities to look take less than 0.1 ms; a timer, for which Deno has to rest, takes 1 ms or more. */
const IMMEDIATES = 70;

/** What a slice needs to know of time. */
export interface SliceClock {
  /** Milliseconds since some moment. */
  now(): number;
  /** Calls back once all else had its turn. */
  afterOtherWork(callback: () => void): void;
}

const SYSTEM_CLOCK: SliceClock = {
  now: () => performance.now(),
  afterOtherWork(callback) {
    let remaining = IMMEDIATES;
    const next = () => --remaining > 0 ? onNextImmediate(next) : callback();
    next();
  },
};

/** Calls back at the next opportunity, as Deno can and browsers cannot. */
function onNextImmediate(callback: () => void): void {
  (globalThis as unknown as { setImmediate(callback: () => void): void }).setImmediate(callback);
}

/** The time of one who reads on and on; all else has its turn where that is over. */
export class TimeSlice {
  readonly #clock: SliceClock;
  #startedAt: number;
  /** When it was looked at last. */
  #checkedAt: number;

  /**
   * It begins now.
   *
   * @param clock tells the time. Default: the system's
   */
  constructor(clock: SliceClock = SYSTEM_CLOCK) {
    this.#clock = clock;
    this.#startedAt = this.#checkedAt = clock.now();
  }

  /** A read is done that began right after {@linkcode TimeSlice.yieldIfOver}. */
  afterRead(): void {
    const now = this.#clock.now();
    if (now - this.#checkedAt > IDLE_READ) this.#startedAt = now;
  }

  /** What to wait for before one goes on, if anything. */
  yieldIfOver(): Promise<void> | undefined {
    this.#checkedAt = this.#clock.now();
    if (this.#checkedAt - this.#startedAt < SLICE) return undefined;
    return new Promise((resolve) =>
      this.#clock.afterOtherWork(() => {
        this.#startedAt = this.#checkedAt = this.#clock.now();
        resolve();
      })
    );
  }
}
