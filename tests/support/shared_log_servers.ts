/**
 * Servers over one log in memory, each with a store and a connection to the log of its own.
 *
 * @module
 */

import type { ServeOptions } from "@dsmq/server";
import { defaultsOf } from "../../protocol/client_limits.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { systemClock } from "../../queue/clock.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { ReplicatedStore } from "../../stores/replicated/replicated_store.ts";
import type { LogEntry, LogPosition } from "../../stores/replicated/record_log.ts";
import { type Disturb, MemoryRecordLog, SharedLog } from "./memory_record_logs.ts";
import { type HttpServer, withRequests } from "./http_server.ts";
import { serveStore } from "./served_store.ts";

const DEFAULTS = defaultsOf(LIMITS);

/** Opens a store over a connection of its own to a log. */
export function openReplica(
  shared: SharedLog,
  disturb?: Disturb,
  { retention = 600_000, reconfigure = false, limits: given = {} }: ServeOptions = {},
): Promise<ReplicatedStore> {
  const { inFlight: dedupWindow, storedBytes, topics, groups } = { ...DEFAULTS, ...given };
  const limits = { dedupWindow, storedBytes, topics, groups };
  const common = { engine: nodeSqlite, clock: systemClock, retention, limits, reconfigure };
  return ReplicatedStore.open({ ...common, log: new MemoryRecordLog(shared, disturb) });
}

/** Opens servers of one log. */
export class SharedLogServers {
  readonly log: SharedLog = new SharedLog(() => Date.now());

  /**
   * Serves on any free port.
   *
   * @param disturb what the connection of this server to the log asks first
   * @param options of the server
   * @param change changes the store before it is served
   */
  async serve(
    disturb?: Disturb,
    { reconfigure, ...options }: ServeOptions = {},
    change: (store: ReplicatedStore) => void = () => {},
  ): Promise<HttpServer> {
    const store = await openReplica(this.log, disturb, {
      ...options,
      reconfigure: reconfigure === true,
    });
    change(store);
    const server = await serveStore(store, options);
    return withRequests(server, server);
  }

  /** The same, for one that learns of the log no more than it asks for: up to its own last record, or the end that it was told of. */
  async serveReluctant(): Promise<HttpServer> {
    const log = new ReluctantLog(this.log);
    const common = { engine: nodeSqlite, clock: systemClock, retention: 600_000 };
    const server = await serveStore(await ReplicatedStore.open({ ...common, log }));
    return withRequests(server, server);
  }
}

/** A connection to a log that brings no more than was asked for. */
class ReluctantLog extends MemoryRecordLog {
  readonly #shared: SharedLog;
  readonly #closed = new AbortController();
  #asked = 0;
  #wake = () => {};

  constructor(shared: SharedLog) {
    super(shared);
    this.#shared = shared;
  }

  override async state() {
    const state = await super.state();
    this.#ask(state.last);
    return state;
  }

  override async append(record: Uint8Array): Promise<void> {
    await super.append(record);
    this.#ask(this.#shared.last);
  }

  override async *tail(after: LogPosition, given: AbortSignal): AsyncGenerator<LogEntry> {
    const signal = AbortSignal.any([given, this.#closed.signal]);
    signal.addEventListener("abort", () => this.#wake());
    for await (const entry of super.tail(after, signal)) {
      while (entry.position > this.#asked && !signal.aborted) {
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
      if (signal.aborted) return;
      yield entry;
    }
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    await super[Symbol.asyncDispose]();
  }

  #ask(through: LogPosition): void {
    this.#asked = Math.max(this.#asked, through);
    this.#wake();
  }
}
