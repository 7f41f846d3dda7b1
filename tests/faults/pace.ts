/**
 * How fast clients of a test work: by turns that they are granted, never by the time of the machine.
 *
 * @module
 */

/** Grants turns to one client, which waits for more once it has taken them all. */
export class Pace {
  #granted = 0;
  #taken = 0;
  #done = 0;
  #isOver = false;
  #changed = Promise.withResolvers<void>();

  /** How many turns were granted. */
  get granted(): number {
    return this.#granted;
  }

  /** How many turns were taken and are over. */
  get done(): number {
    return this.#done;
  }

  /** Grants more turns. */
  grant(turns: number): void {
    this.#granted += turns;
    this.wake();
  }

  /** There are no more turns, taken or not. */
  end(): void {
    this.#isOver = true;
    this.wake();
  }

  /**
   * Ends the turn before, and waits for the next one.
   *
   * @returns whether there is one
   */
  async turn(): Promise<boolean> {
    this.#done = this.#taken;
    await this.until(() => this.#taken < this.#granted);
    if (this.#isOver) return false;
    this.#taken++;
    return true;
  }

  /** Waits until a condition holds, or there are no more turns. Whoever makes it hold calls {@linkcode wake}. */
  async until(condition: () => boolean): Promise<void> {
    while (!this.#isOver && !condition()) await this.#changed.promise;
  }

  /** A condition that is waited for may hold now. */
  wake(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve();
  }
}
