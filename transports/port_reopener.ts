/**
 * A port that has died, opened again.
 *
 * @module
 */

import type { ConnectionHandler } from "./transport.ts";

/** How long to wait before a port is opened again, in milliseconds; it grows with each time that comes soon. */
const RETRY_DELAY = { first: 20, max: 1000 };

/** A port that has lived for so long is well again, in milliseconds. */
const RECOVERED_AFTER = 10_000;

/**
 * Opens a port again, as often as it takes, and says once that it had to: a stranger who holds all that there is
 * of something could have it do so for ever.
 */
export class PortReopener {
  readonly #open: () => Promise<void> | void;
  readonly #handler: Pick<ConnectionHandler, "report">;
  #delay = RETRY_DELAY.first;
  #reported = false;
  #opening = false;
  #stopped = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Makes it, for a port that is open.
   *
   * @param open opens the port; throws if it cannot, and is called again
   * @param handler is told
   */
  constructor(open: () => Promise<void> | void, handler: Pick<ConnectionHandler, "report">) {
    this.#open = open;
    this.#handler = handler;
  }

  /** The port takes no connections any more, and why. May be called again meanwhile. */
  onPortFailed(reason: string): void {
    if (this.#stopped || this.#opening) return;
    if (!this.#reported) {
      this.#reported = true;
      this.#handler.report(
        `cannot take connections: ${reason}; it goes on as soon as that is over`,
      );
    }
    this.#opening = true;
    this.#schedule(this.#delay, () => this.#retry());
  }

  /** Opens it no more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #retry(): Promise<void> {
    this.#delay = Math.min(2 * this.#delay, RETRY_DELAY.max);
    try {
      await this.#open();
    } catch {
      // As it was: it is tried again.
      return this.#schedule(this.#delay, () => this.#retry());
    }
    this.#opening = false;
    this.#schedule(RECOVERED_AFTER, () => {
      this.#delay = RETRY_DELAY.first;
      this.#reported = false;
      this.#handler.report("takes connections again");
    });
  }

  #schedule(ms: number, callback: () => void): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#timer = setTimeout(callback, ms);
  }
}
