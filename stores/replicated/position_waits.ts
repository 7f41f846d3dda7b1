/**
 * Those who wait until a replica has come to a position.
 *
 * @module
 */

/** Waits for positions. */
export class PositionWaits {
  #waits: { readonly position: number; readonly resolve: () => void }[] = [];

  /** The last position that somebody waits for; `undefined` if nobody waits. */
  get last(): number | undefined {
    if (this.#waits.length === 0) return undefined;
    return Math.max(...this.#waits.map(({ position }) => position));
  }

  /** Resolves once a position is reached; `now` is the present one. */
  until(position: number, now: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waits.push({ position, resolve });
      this.reached(now);
    });
  }

  /** Everything up to a position is there. */
  reached(at: number): void {
    if (this.#waits.length === 0) return;
    const ended = this.#waits.filter(({ position }) => position <= at);
    this.#waits = this.#waits.filter(({ position }) => position > at);
    for (const { resolve } of ended) resolve();
  }
}
