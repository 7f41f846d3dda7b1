/**
 * The memory of a server over a period.
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

/** The peak memory of a server until it is stopped; it triggers no garbage collection. */
export class MemoryWatch {
  #peak: Memory = { resident: 0, held: 0 };
  #stopped = false;
  readonly #sampling: Promise<void>;

  /** Starts to measure, at this interval in milliseconds. */
  constructor(server: ChildServer, every = 50) {
    this.#sampling = this.#watch(server, every);
  }

  /** Stops, and returns the peak. */
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
