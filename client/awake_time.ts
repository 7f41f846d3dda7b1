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
const ASLEEP = 2 * TICK;

interface Alarm {
  /** When, by {@linkcode AwakeTime.passed}. */
  readonly at: number;
  readonly callback: () => void;
}

/** A stopwatch that stands still while the process is asleep. */
export class AwakeTime {
  readonly #alarms = new Set<Alarm>();
  #passed = 0;
  #seen = performance.now();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer goes off. */
  #next = Infinity;

  /** Milliseconds since it began. Only while an alarm is set is it known what was sleep; else it counts as well. */
  get passed(): number {
    const now = performance.now();
    const step = now - this.#seen;
    this.#seen = now;
    return this.#passed += this.#timer !== undefined && step > ASLEEP ? TICK : step;
  }

  /**
   * Sets an alarm.
   *
   * @param at when it goes off, by {@linkcode AwakeTime.passed}; `Infinity`: never, but sleep is told from time
   * @param callback is called then, once
   * @returns calls it off
   */
  alarm(at: number, callback: () => void): () => void {
    const alarm = { at, callback };
    const { passed } = this;
    this.#alarms.add(alarm);
    if (this.#timer === undefined || at < this.#next) this.#wake(at, passed);
    return () => {
      if (this.#alarms.delete(alarm) && this.#alarms.size === 0) this.#rest();
    };
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#next = Infinity;
  }

  #wake(at: number, passed: number): void {
    clearTimeout(this.#timer);
    const ms = Math.min(TICK, Math.max(0, at - passed));
    this.#next = passed + ms;
    this.#timer = setTimeout(() => this.#look(), ms);
  }

  #look(): void {
    // While the timer is known: that is how sleep is told from time when nobody waited.
    const { passed } = this;
    this.#rest();
    for (const alarm of [...this.#alarms]) {
      // It may have been called off by one before it.
      if (alarm.at <= passed && this.#alarms.delete(alarm)) alarm.callback();
    }
    let next = Infinity;
    for (const { at } of this.#alarms) if (at < next) next = at;
    if (this.#alarms.size === 0) return;
    // A callback may have set another, and with it the timer.
    if (this.#timer === undefined || next < this.#next) this.#wake(next, this.passed);
  }
}
