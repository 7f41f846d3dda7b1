/**
 * Replicated stores over logs in memory, for tests.
 *
 * @module
 */

import type { Engine } from "../../stores/engine.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import type { RecordLog } from "../../stores/replicated/record_log.ts";
import { ReplicatedStore } from "../../stores/replicated/replicated_store.ts";
import type { StoreLimits } from "../../stores/store_limits.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { type Disturb, MemoryRecordLog, SharedLog } from "./memory_record_logs.ts";

/** How one server's store is opened. */
export interface ServerOptions {
  readonly path?: string;
  readonly engine?: Engine;
  readonly disturb?: Disturb;
  readonly limits?: Partial<StoreLimits>;
  readonly retention?: number;
  readonly reconfigure?: boolean;
  readonly knows?: number;
  /** Its own log instead of one in memory. */
  readonly log?: RecordLog;
  /** Its own clock instead of the one that all share. */
  readonly clock?: ManualClock;
}

/** Several servers on one log, and one clock. */
export class ReplicatedStores implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly shared: SharedLog = new SharedLog(() => this.clock.now());
  readonly #opened: ReplicatedStore[] = [];
  /** Slices of work wait for the network, and are nothing that keeps a process alive. */
  readonly #alive = setInterval(() => {}, 1000);

  /** Opens the store of one more server. */
  async open(options: ServerOptions = {}): Promise<ReplicatedStore> {
    const { engine = nodeSqlite, disturb, limits = {}, retention = 600_000, ...rest } = options;
    const log = options.log ?? new MemoryRecordLog(this.shared, disturb);
    const opening = ReplicatedStore.open({
      ...{ engine, clock: this.clock, limits, retention },
      ...rest,
      log,
    });
    const store = await opening;
    this.#opened.push(store);
    return store;
  }

  /** Lets what is under way come to its end: as many turns of the event loop as that takes at most. */
  async settle(): Promise<void> {
    for (let i = 0; i < 100; i++) await new Promise<void>((resolve) => setImmediate(resolve));
  }

  /** Lets time pass, a step at a time: what is under way goes on between them. */
  async pass(ms: number, step = 500): Promise<void> {
    for (let left = ms; left > 0; left -= step) {
      this.clock.advance(Math.min(step, left));
      await this.settle();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of this.#opened) await store[Symbol.asyncDispose]();
    clearInterval(this.#alive);
  }
}
