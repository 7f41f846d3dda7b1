/**
 * The memory of a server over some time.
 *
 * @module
 */

import type { ChildServer } from "./child_server.ts";
import { pause } from "./pause.ts";

/** The most that a server takes, in bytes, until it is told to look no more. */
export class MemoryWatch {
  #most = 0;
  #stopped = false;
  readonly #watching: Promise<void>;

  /** Begins to look, each so many milliseconds. */
  constructor(server: ChildServer, every = 50) {
    this.#watching = this.#watch(server, every);
  }

  /** Looks no more: how much it was at most. */
  async stop(): Promise<number> {
    this.#stopped = true;
    await this.#watching;
    return this.#most;
  }

  async #watch(server: ChildServer, every: number): Promise<void> {
    while (!this.#stopped && !server.ended) {
      this.#most = Math.max(this.#most, await server.resident());
      await pause(every);
    }
  }
}

/** Bytes as a person reads them. */
export function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
