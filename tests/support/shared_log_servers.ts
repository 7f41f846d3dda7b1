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

/** Opens servers of one log. */
export class SharedLogServers {
  readonly log: SharedLog = new SharedLog(() => Date.now());

  /**
   * Serves on any free port.
   *
   * @param disturb what the connection of this server to the log asks first
   * @param options of the server
   */
  async serve(disturb?: Disturb, options?: ServeOptions): Promise<HttpServer> {
    const log = new MemoryRecordLog(this.log, disturb);
    const common = { engine: nodeSqlite, clock: systemClock, retention: 600_000 };
    const store = await ReplicatedStore.open({ ...common, log });
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
