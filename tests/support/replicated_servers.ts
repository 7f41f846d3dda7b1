/**
 * Several replicated stores on one log, on a clock that a test moves.
 *
 * @module
 */

import { assert } from "@std/assert";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { decodeRecord } from "../../stores/replicated/record_text.ts";
import { ReplicatedStore } from "../../stores/replicated/replicated_store.ts";
import type { StoreLimits } from "../../stores/store_limits.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { FaultyRecordLog, type LogFaults } from "./faulty_record_log.ts";
import { SharedLog } from "./memory_record_logs.ts";

/** For how long the stores keep messages, in milliseconds. */
export const RETENTION = 600_000;

/** One server: its store, and its connection to the log. */
export interface ReplicatedServer {
  readonly store: ReplicatedStore;
  readonly log: FaultyRecordLog;
}

/** The servers of one log. */
export class ReplicatedServers implements AsyncDisposable {
  readonly clock: ManualClock = new ManualClock();
  readonly shared: SharedLog;
  readonly #limits: Partial<StoreLimits>;
  readonly #servers: ReplicatedServer[] = [];

  /** There are none yet; all that are opened have these limits. */
  constructor(limits: Partial<StoreLimits> = {}) {
    this.shared = new SharedLog(() => this.clock.now());
    this.#limits = limits;
  }

  /** Opens another one, whose log may have faults, or take only small records. */
  async open(faults?: LogFaults, maxRecord?: number): Promise<ReplicatedServer> {
    const { clock, shared } = this;
    const wait = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));
    const log = new FaultyRecordLog(shared, wait, faults);
    if (maxRecord !== undefined) Object.defineProperty(log, "maxRecord", { value: maxRecord });
    const options = { engine: nodeSqlite, retention: RETENTION, limits: this.#limits };
    const store = await this.during(ReplicatedStore.open({ ...options, log, clock }));
    const server = { store, log };
    this.#servers.push(server);
    return server;
  }

  /** Opens several. */
  async openAll(count: number): Promise<ReplicatedServer[]> {
    const servers: ReplicatedServer[] = [];
    while (servers.length < count) servers.push(await this.open());
    return servers;
  }

  /** Lets time pass (ms). */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0;) {
      const step = Math.min(left, 10);
      this.clock.advance(step);
      left -= step;
      await turns();
    }
    await turns();
  }

  /** Lets time pass until something has come; fails if it takes too long (ms). */
  async during<T>(work: Promise<T>, atMost = 60_000): Promise<T> {
    let isOver = false;
    const over = () => void (isOver = true);
    work.then(over, over);
    const end = this.clock.monotonic() + atMost;
    for (await turns(); !isOver; await turns()) {
      this.clock.advance(10);
      assert(this.clock.monotonic() < end, `it takes more than ${atMost} ms`);
    }
    return await work;
  }

  /** What the writers of all records have said of the digests: each position with all that it is said to have. */
  saidDigests(): Map<number, Set<string>> {
    const said = new Map<number, Set<string>>();
    for (const { record } of this.shared.entries) {
      const seen = decodeRecord(record)?.seen;
      if (!seen) continue;
      const digests = said.get(seen.position) ?? new Set();
      said.set(seen.position, digests.add(seen.digest));
    }
    return said;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { store } of this.#servers.splice(0)) {
      await this.during(store[Symbol.asyncDispose]());
    }
  }
}

/** Lets what needs no time happen: a replica that has worked for long goes on after 70 turns of the event loop. */
async function turns(): Promise<void> {
  for (let i = 0; i < 80; i++) await new Promise<void>((resolve) => void setImmediate(resolve));
}
