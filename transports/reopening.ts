/**
 * A port that has died, opened again.
 *
 * @module
 */

import type { House } from "./transport.ts";

/** How long to wait before a port is opened again, in milliseconds; it grows with each time that comes soon. */
const PAUSE = { first: 20, longest: 1000 };

/** A port that has lived for so long is well again, in milliseconds. */
const WELL = 10_000;

/**
 * Opens a port again, as often as it takes, and says once that it had to: a stranger who holds all that there is
 * of something could have it do so for ever.
 */
export class Reopening {
  readonly #open: () => Promise<void> | void;
  readonly #house: Pick<House, "tell">;
  #pause = PAUSE.first;
  #troubled = false;
  #opening = false;
  #stopped = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Makes it, for a port that is open.
   *
   * @param open opens the port; throws if it cannot, and is called again
   * @param house is told
   */
  constructor(open: () => Promise<void> | void, house: Pick<House, "tell">) {
    this.#open = open;
    this.#house = house;
  }

  /** The port takes no connections any more, and why. May be called again meanwhile. */
  died(why: string): void {
    if (this.#stopped || this.#opening) return;
    if (!this.#troubled) {
      this.#troubled = true;
      this.#house.tell(`cannot take connections: ${why}; it goes on as soon as that is over`);
    }
    this.#opening = true;
    this.#after(this.#pause, () => this.#tryIt());
  }

  /** Opens it no more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #tryIt(): Promise<void> {
    this.#pause = Math.min(2 * this.#pause, PAUSE.longest);
    try {
      await this.#open();
    } catch {
      // As it was: it is tried again.
      return this.#after(this.#pause, () => this.#tryIt());
    }
    this.#opening = false;
    this.#after(WELL, () => {
      this.#pause = PAUSE.first;
      this.#troubled = false;
      this.#house.tell("takes connections again");
    });
  }

  #after(ms: number, callback: () => void): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#timer = setTimeout(callback, ms);
  }
}
