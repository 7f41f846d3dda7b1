/**
 * A store that is backed up, and the files that are made of it.
 *
 * @module
 */

import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { Store } from "../../stores/store.ts";
import type { StoreLimits } from "../../stores/store_limits.ts";
import type { ManualClock } from "../../testing/manual_clock.ts";
import { BackedUpStore, copyOf, RETENTION } from "./backed_up_store.ts";

const OPTIONS = { engine: nodeSqlite, retention: RETENTION };

/** A folder of a store and of copies of it. */
export class BackupFolder implements AsyncDisposable {
  readonly original: BackedUpStore;
  readonly #path = Deno.makeTempDirSync();

  /** Opens the original. */
  constructor(kind: "memory" | "file", limits: Partial<StoreLimits>) {
    this.original = new BackedUpStore((clock) =>
      kind === "memory"
        ? new MemoryStore({ ...OPTIONS, clock, limits })
        : this.#open("original", clock, limits)
    );
  }

  /** Makes a copy of a store. */
  copy(
    store: Store,
    name: string,
    during?: (part: "before" | "after") => Promise<void>,
  ): ReturnType<typeof copyOf> {
    return copyOf(store, this.original.clock, `${this.#path}/${name}`, during);
  }

  /** Opens a copy. */
  open(name: string): FileStore {
    return this.#open(name, this.original.clock);
  }

  #open(name: string, clock: ManualClock, limits: Partial<StoreLimits> = {}): FileStore {
    const path = `${this.#path}/${name}`;
    return new FileStore({ ...OPTIONS, clock, limits, path, durability: "process" });
  }

  /** Closes the original, and removes all. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.original.store[Symbol.asyncDispose]();
    await Deno.remove(this.#path, { recursive: true });
  }
}
