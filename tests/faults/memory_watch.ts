/**
 * The memory of a server over some time.
 *
 * @module
 */

import type { ChildServer } from "./child_server.ts";
import { sleep } from "./sleep.ts";

/** Memory, in bytes. */
export interface Memory {
  /** All of the process. */
  readonly resident: number;
  /** The same without what V8 keeps free in its heap. */
  readonly held: number;
}

/** The most that a server takes until it is told to look no more; no garbage is collected for it. */
export class MemoryWatch {
  #peak: Memory = { resident: 0, held: 0 };
  #stopped = false;
  readonly #sampling: Promise<void>;

  /** Begins to look, each so many milliseconds. */
  constructor(server: ChildServer, every = 50) {
    this.#sampling = this.#watch(server, every);
  }

  /** Looks no more: how much it was at most. */
  async stop(): Promise<Memory> {
    this.#stopped = true;
    await this.#sampling;
    return this.#peak;
  }

  async #watch(server: ChildServer, every: number): Promise<void> {
    while (!this.#stopped && !server.ended) {
      const now = await memory(server);
      this.#peak = {
        resident: Math.max(this.#peak.resident, now.resident),
        held: Math.max(this.#peak.held, now.held),
      };
      await sleep(every);
    }
  }
}

/** What a server takes now. */
export async function memory(server: ChildServer): Promise<Memory> {
  const { resident, room } = await server.report("as it is");
  return { resident, held: resident - room };
}
