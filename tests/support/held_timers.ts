/**
 * Timers that a test lets fire, where code has no clock of its own.
 *
 * @module
 */

/** Holds the timers that a file of the project sets from now on, until it is disposed of. */
export class HeldTimers implements Disposable {
  readonly #setTimeout = globalThis.setTimeout;
  readonly #clearTimeout = globalThis.clearTimeout;
  readonly #held = new Map<number, () => void>();

  /**
   * Begins.
   *
   * @param file its path, such as `transports/node.ts`
   */
  constructor(file: string) {
    const { setTimeout, clearTimeout } = globalThis;
    let last = 0;
    globalThis.setTimeout = ((run: () => void, ms?: number, ...args: []) => {
      const [, , caller = ""] = new Error().stack!.split("\n");
      if (!caller.includes(file)) return setTimeout(run, ms, ...args);
      // No timer of the platform has such a number.
      this.#held.set(--last, run);
      return last;
    }) as typeof setTimeout;
    globalThis.clearTimeout = ((id?: number) => {
      if (!this.#held.delete(id as number)) clearTimeout(id);
    }) as typeof clearTimeout;
  }

  /** How many have neither fired nor been cleared. */
  get count(): number {
    return this.#held.size;
  }

  /** Lets them fire. */
  fire(): void {
    const due = [...this.#held.values()];
    this.#held.clear();
    for (const run of due) run();
  }

  [Symbol.dispose](): void {
    globalThis.setTimeout = this.#setTimeout;
    globalThis.clearTimeout = this.#clearTimeout;
  }
}
