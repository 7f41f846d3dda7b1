/**
 * Several servers of one queue in one process: each has a replica of its own of one log in memory.
 *
 * @module
 */

import { assert } from "@std/assert";
import { systemClock } from "../../queue/clock.ts";
import type { ServeOptions } from "../../server/options.ts";
import type { ListeningServer } from "../../server/listening_server.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { ReplicatedStore } from "../../stores/replicated/replicated_store.ts";
import { type Disturb, MemoryRecordLog, SharedLog } from "./memory_record_logs.ts";
import { serveStore } from "./served_store.ts";

/** For how long messages are kept, in milliseconds. */
const RETENTION = 600_000;

/** Opens a store over a connection of its own to a log. */
export function openReplica(log: SharedLog, disturb?: Disturb): Promise<ReplicatedStore> {
  return ReplicatedStore.open({
    log: new MemoryRecordLog(log, disturb),
    engine: nodeSqlite,
    retention: RETENTION,
    clock: systemClock,
  });
}

/** Servers that listen, each on a free port. */
export class ServersOnLog implements AsyncDisposable {
  readonly log: SharedLog = new SharedLog(Date.now);
  readonly all: ListeningServer[] = [];

  /** Starts so many. */
  static async open(count: number, options: ServeOptions = {}): Promise<ServersOnLog> {
    const servers = new ServersOnLog();
    for (let i = 0; i < count; i++) await servers.add(options);
    return servers;
  }

  /** Starts one more. */
  async add(options: ServeOptions = {}, disturb?: Disturb): Promise<ListeningServer> {
    const server = await serveStore(await openReplica(this.log, disturb), options);
    this.all.push(server);
    return server;
  }

  /** Their addresses. */
  get urls(): string[] {
    return this.all.map(({ url }) => url);
  }

  /** The one at an address. */
  at(url: string): ListeningServer {
    const found = this.all.find((server) => server.url === url);
    assert(found, `no server is at ${url}`);
    return found;
  }

  /** Ends those that still run. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((server) => server.shutdown()));
  }
}
