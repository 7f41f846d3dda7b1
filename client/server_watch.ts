/**
 * Whether the server is heard: it sends a heartbeat each so often.
 *
 * @module
 */

import { PEER_SPEED } from "../protocol/limits.ts";

/** A server is given up that was not heard for so many intervals. */
const MAX_MISSED_HEARTBEATS = 3;

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
   * @param silent is called with what happened, each interval from then on, if nothing was heard for too long
   */
  begin(every: number, silent: (why: string) => void): void {
    let missed = 0;
    this.#heard = true;
    this.#timer = setInterval(() => {
      missed = this.#heard ? 0 : missed + 1;
      this.#heard = false;
      const intervals = MAX_MISSED_HEARTBEATS + this.#passing / (PEER_SPEED * every / 1000);
      if (missed >= intervals) silent(`nothing was heard for ${missed * every} ms`);
    }, every);
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
