/**
 * Time that passes while this process is awake.
 *
 * `Date.now` jumps when somebody sets the clock, and `performance.now` goes on while a process is stopped or its machine
 * sleeps: whoever waits for a server by either gives up as soon as it wakes.
 *
 * @module
 */

/** Whoever waits looks at the clock that often, in milliseconds. */
const TICK = 1000;

/** So long between two looks, and the process was asleep: it is counted as one tick. */
const SLEEP_THRESHOLD = 2 * TICK;

interface AwakeTimer {
  /** When, by {@linkcode AwakeClock.elapsed}. */
  readonly at: number;
  readonly callback: () => void;
}

/** A stopwatch that stands still while the process is asleep. */
export class AwakeClock {
  readonly #timers = new Set<AwakeTimer>();
  #elapsed = 0;
  #lastReading = performance.now();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer goes off. */
  #nextAt = Infinity;

  /** Milliseconds since it began. Only while an alarm is set is it known what was sleep; else it counts as well. */
  get elapsed(): number {
    const now = performance.now();
    const step = now - this.#lastReading;
    this.#lastReading = now;
    return this.#elapsed += this.#timer !== undefined && step > SLEEP_THRESHOLD ? TICK : step;
  }

  /**
   * Sets an alarm.
   *
   * @param at when it goes off, by {@linkcode AwakeClock.elapsed}; `Infinity`: never, but sleep is told from time
   * @param callback is called then, once
   * @returns calls it off
   */
  setTimer(at: number, callback: () => void): () => void {
    const timer = { at, callback };
    const { elapsed } = this;
    this.#timers.add(timer);
    if (this.#timer === undefined || at < this.#nextAt) this.#startTimer(at, elapsed);
    return () => {
      if (this.#timers.delete(timer) && this.#timers.size === 0) this.#stopTimer();
    };
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#nextAt = Infinity;
  }

  #startTimer(at: number, elapsed: number): void {
    clearTimeout(this.#timer);
    const ms = Math.min(TICK, Math.max(0, at - elapsed));
    this.#nextAt = elapsed + ms;
    this.#timer = setTimeout(() => this.#onTimer(), ms);
  }

  #onTimer(): void {
    // While the timer is known: that is how sleep is told from time when nobody waited.
    const { elapsed } = this;
    this.#stopTimer();
    for (const timer of [...this.#timers]) {
      // It may have been called off by one before it.
      if (timer.at <= elapsed && this.#timers.delete(timer)) timer.callback();
    }
    let next = Infinity;
    for (const { at } of this.#timers) if (at < next) next = at;
    if (this.#timers.size === 0) return;
    // A callback may have set another, and with it the timer.
    if (this.#timer === undefined || next < this.#nextAt) this.#startTimer(next, this.elapsed);
  }
}
