/**
 * A store whose feed breaks off, as that of one behind a network does.
 *
 * @module
 */

import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { Follower } from "../../stores/store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

/** How long after a loss a queue follows again, in milliseconds. */
const REFOLLOW_AFTER = 100;

/** How long messages stay, in milliseconds. */
export const RETENTION = 600_000;

/** In memory, with a clock of its own. */
export class LosingStore extends MemoryStore {
  readonly clock: ManualClock;
  readonly #feeds = new Map<Follower, Disposable>();
  /** How often to refuse to be followed. */
  refusals = 0;

  constructor() {
    const clock = new ManualClock();
    super({ engine: nodeSqlite, retention: RETENTION, clock });
    this.clock = clock;
  }

  override async follow(to: Follower): Promise<{ readonly from: number } & Disposable> {
    if (this.refusals > 0) {
      this.refusals--;
      throw new Error("the network is still broken");
    }
    const feed = await super.follow(to);
    this.#feeds.set(to, feed);
    return feed;
  }

  /** The feed breaks off: what is put from now on does not come. */
  lose(): void {
    for (const [to, feed] of [...this.#feeds]) {
      this.#feeds.delete(to);
      feed[Symbol.dispose]();
      to.lost(new Error("the network is broken"));
    }
  }

  /** Lets it be followed again: what was put meanwhile is read from the store. */
  async recover(): Promise<void> {
    this.clock.advance(REFOLLOW_AFTER);
    // It is followed in a turn of its own.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}
