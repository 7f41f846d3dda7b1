/**
 * Yields to other work while bytes arrive faster than they are handled.
 *
 * Deno resolves a read at once if there are bytes to be read: a loop of reads never ends then, and neither timers nor other
 * connections of the process get their turn.
 *
 * @module
 */

/** The length of a slice, in milliseconds. */
const SLICE = 30;

/**
 * A read that took so long, in milliseconds, had to wait while Deno was idle: other work had its turn. During a shorter one
 * Deno may have been busy all the time; then it looks at timers and at the network only every 61st time.
 */
const IDLE_READ = 2;

/** This many turns of the event loop take less than 0.1 ms; a timer, for which Deno must be idle, takes 1 ms or more. */
const IMMEDIATES = 70;

/** The clock of a slice. */
export interface SliceClock {
  /** Milliseconds since any fixed moment. */
  now(): number;
  /** Calls back when other work had its turn. */
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

/** Calls back in the next turn of the event loop; browsers do not have that. */
function onNextImmediate(callback: () => void): void {
  (globalThis as unknown as { setImmediate(callback: () => void): void }).setImmediate(callback);
}

/** The slice of a loop of reads: other work has its turn when it is over. */
export class TimeSlice {
  readonly #clock: SliceClock;
  #startedAt: number;
  /** When it was checked last. */
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

  /** A read has ended that began right after {@linkcode TimeSlice.yieldIfOver}. */
  afterRead(): void {
    const now = this.#clock.now();
    if (now - this.#checkedAt > IDLE_READ) this.#startedAt = now;
  }

  /** What to wait for before continuing, if anything. */
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
