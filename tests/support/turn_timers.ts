/**
 * Timers that count turns of the event loop, for tests whose clock stands still.
 *
 * @module
 */

/** A millisecond is a turn of the event loop. */
export class TurnTimers {
  readonly #timers = new Set<{ at: number; readonly callback: () => void }>();
  #turn = 0;
  #isRunning = false;

  /** Calls back after so many turns; returns what cancels it. */
  readonly after = (turns: number, callback: () => void): () => void => {
    const timer = { at: this.#turn + turns, callback };
    this.#timers.add(timer);
    if (!this.#isRunning) setImmediate(this.#run);
    this.#isRunning = true;
    return () => void this.#timers.delete(timer);
  };

  /** Waits for so many turns. */
  readonly wait = (turns: number): Promise<void> => {
    return new Promise((resolve) => void this.after(turns, resolve));
  };

  readonly #run = (): void => {
    this.#turn++;
    for (const timer of [...this.#timers]) {
      if (timer.at > this.#turn || !this.#timers.delete(timer)) continue;
      timer.callback();
    }
    this.#isRunning = this.#timers.size > 0;
    if (this.#isRunning) setImmediate(this.#run);
  };
}
