/**
 * Opens a port again that has failed.
 *
 * @module
 */

import type { ConnectionHandler } from "./transport.ts";

/** How long to wait before a port is opened again, in milliseconds; longer if it fails again soon. */
const RETRY_DELAY = { first: 20, max: 1000 };

/** A port that was open for this long has recovered, in milliseconds. */
const RECOVERED_AFTER = 10_000;

/**
 * Opens a port again, as often as necessary, and logs it only once: a client that uses up some resource could make this
 * happen again and again.
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
   * Creates it for a port that is open.
   *
   * @param open opens the port; throws if it cannot, and is called again
   * @param handler gets the log lines
   */
  constructor(open: () => Promise<void> | void, handler: Pick<ConnectionHandler, "report">) {
    this.#open = open;
    this.#handler = handler;
  }

  /** The port accepts no connections any more, and why. May be called again meanwhile. */
  onPortFailed(reason: string): void {
    if (this.#stopped || this.#opening) return;
    if (!this.#reported) {
      this.#reported = true;
      this.#handler.report(
        `cannot accept connections: ${reason}; it continues as soon as that is over`,
      );
    }
    this.#opening = true;
    this.#schedule(this.#delay, () => this.#retry());
  }

  /** Stops opening it. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #retry(): Promise<void> {
    this.#delay = Math.min(2 * this.#delay, RETRY_DELAY.max);
    try {
      await this.#open();
    } catch {
      // It still cannot be opened: the next try comes later.
      return this.#schedule(this.#delay, () => this.#retry());
    }
    this.#opening = false;
    this.#schedule(RECOVERED_AFTER, () => {
      this.#delay = RETRY_DELAY.first;
      this.#reported = false;
      this.#handler.report("accepts connections again");
    });
  }

  #schedule(ms: number, callback: () => void): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#timer = setTimeout(callback, ms);
  }
}
