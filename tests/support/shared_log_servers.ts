/**
 * Servers over one log in memory, each with a store and a connection to the log of its own.
 *
 * @module
 */

import type { ServeOptions } from "@dsmq/server";
import { systemClock } from "../../queue/clock.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { ReplicatedStore } from "../../stores/replicated/replicated_store.ts";
import { type Disturb, MemoryRecordLog, SharedLog } from "./memory_record_logs.ts";
import { type HttpServer, withRequests } from "./http_server.ts";
import { serveStore } from "./served_store.ts";

/** Opens a store over a connection of its own to a log. */
export function openReplica(shared: SharedLog, disturb?: Disturb): Promise<ReplicatedStore> {
  const common = { engine: nodeSqlite, clock: systemClock, retention: 600_000 };
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
    options?: ServeOptions,
    change: (store: ReplicatedStore) => void = () => {},
  ): Promise<HttpServer> {
    const store = await openReplica(this.log, disturb);
    change(store);
    const server = await serveStore(store, options);
    return withRequests(server, server);
  }

  /** The same, for one that learns of the log no more than it asks for: up to its own last record, or the end that it was told of. */
  async serveReluctant(): Promise<HttpServer> {
    let [asked, delivered] = [0, -1];
    let wake = () => {};
    const ask = (through: number) => {
      asked = Math.max(asked, through);
      wake();
    };
    const server = await this.serve(async (what) => {
      if (what === "state" || what === "acknowledge") return ask(this.log.last);
      if (what !== "tail") return;
      for (delivered++; delivered >= asked;) await new Promise<void>((resolve) => wake = resolve);
    });
    return {
      ...server,
      [Symbol.asyncDispose]() {
        ask(Infinity);
        return server[Symbol.asyncDispose]();
      },
    };
  }
}
