/**
 * The time during which this process is awake.
 *
 * `Date.now` jumps when somebody sets the clock, and `performance.now` continues while a process is stopped or its machine
 * sleeps: a client that waited by either would give up as soon as it wakes.
 *
 * @module
 */

/** The clock is read this often while an alarm is set, in milliseconds. */
const TICK = 1000;

/** More than this between two readings means that the process was asleep: it counts as one tick. */
const SLEEP_THRESHOLD = 2 * TICK;

interface AwakeTimer {
  /** When, by {@linkcode AwakeClock.elapsed}. */
  readonly at: number;
  readonly callback: () => void;
}

/** A stopwatch that stops while the process is asleep. */
export class AwakeClock {
  readonly #timers = new Set<AwakeTimer>();
  #elapsed = 0;
  #lastReading = performance.now();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer fires. */
  #nextAt = Infinity;

  /** Milliseconds since the beginning. Time asleep is recognised only while an alarm is set; otherwise it counts. */
  get elapsed(): number {
    const now = performance.now();
    const step = now - this.#lastReading;
    this.#lastReading = now;
    return this.#elapsed += this.#timer !== undefined && step > SLEEP_THRESHOLD ? TICK : step;
  }

  /**
   * Sets an alarm.
   *
   * @param at when it fires, by {@linkcode AwakeClock.elapsed}; with `Infinity` never, but time asleep is recognised
   * @param callback called then, once
   * @returns cancels the alarm
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
    // Before the timer is cleared: only while there is one, time asleep is recognised.
    const { elapsed } = this;
    this.#stopTimer();
    for (const timer of [...this.#timers]) {
      // An earlier callback may have cancelled it.
      if (timer.at <= elapsed && this.#timers.delete(timer)) timer.callback();
    }
    let next = Infinity;
    for (const { at } of this.#timers) if (at < next) next = at;
    if (this.#timers.size === 0) return;
    // A callback may have set another alarm, and with it the timer.
    if (this.#timer === undefined || next < this.#nextAt) this.#startTimer(next, this.elapsed);
  }
}
