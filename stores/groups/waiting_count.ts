/**
 * How many messages wait for a group.
 *
 * @module
 */

/** Counts messages. */
export interface MessageCount {
  /** How many were stored since it counts. */
  readonly stored: number;
}

/** Counts what waits beyond the frontier: it is looked up once, and kept up to date from then on. */
export class WaitingCount {
  /** Counts the messages of what the group works on. */
  readonly #filter: MessageCount;
  readonly #lookUp: () => number;
  /** How many of the messages that the filter has counted do not wait; `undefined`: nobody knows. */
  #passed: number | undefined;

  /**
   * Knows nothing yet.
   *
   * @param filter counts all messages that could wait
   * @param lookUp finds out how many do
   */
  constructor(filter: MessageCount, lookUp: () => number) {
    this.#filter = filter;
    this.#lookUp = lookUp;
  }

  /** How many wait. */
  get(): number {
    this.#passed ??= this.#filter.stored - this.#lookUp();
    return this.#filter.stored - this.#passed;
  }

  /** One that waited does not wait any more. */
  pass(): void {
    if (this.#passed !== undefined) this.#passed++;
  }

  /** Others may have gone, or come back: it is looked up again. */
  forget(): void {
    this.#passed = undefined;
  }
}
