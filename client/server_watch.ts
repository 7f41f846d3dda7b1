/**
 * Whether the server is heard: it sends a heartbeat each so often.
 *
 * @module
 */

import { PEER_SPEED, SILENCE } from "../protocol/limits.ts";

/** Watches over a connection to a server. */
export class ServerWatch {
  #heard = true;
  /** How many bytes may be on their way since the server was heard: while they pass, nothing else can be heard. */
  #passing = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** The server has promised heartbeats. */
  get watches(): boolean {
    return this.#timer !== undefined;
  }

  /**
   * Begins to watch.
   *
   * @param every the interval of the heartbeats, in milliseconds
   * @param silent is called with what happened, again and again from then on, if nothing was heard for too long
   */
  begin(every: number, silent: (why: string) => void): void {
    let silence = 0;
    let lookedAt = performance.now();
    this.#heard = true;
    this.#timer = setInterval(() => {
      const now = performance.now();
      const passed = now - lookedAt;
      lookedAt = now;
      silence = this.#heard ? 0 : silence + passed;
      this.#heard = false;
      // What came while this process was asleep is still to be read.
      if (passed > every) silence = Math.min(silence, every);
      else if (silence >= SILENCE.intervals * every + 1000 * this.#passing / PEER_SPEED) {
        silent(`nothing was heard for ${Math.round(silence)} ms`);
      }
    }, every / SILENCE.looks);
  }

  /** Something was heard. */
  heard(): void {
    this.#heard = true;
    this.#passing = 0;
  }

  /** So many bytes are on their way, in one direction or the other. */
  passing(bytes: number): void {
    this.#passing += bytes;
  }

  /** The connection is over. */
  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#passing = 0;
  }
}
