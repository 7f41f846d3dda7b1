/**
 * Several servers of one log in memory, for the tests of clients that go from one to another.
 *
 * @module
 */

import { assert } from "@std/assert";
import type { HttpServer } from "./http_server.ts";
import type { Disturb } from "./memory_record_logs.ts";
import { SharedLogServers } from "./shared_log_servers.ts";

/** Servers that end together. */
export class ServersOnLog implements AsyncDisposable {
  readonly all: HttpServer[] = [];
  readonly #shared = new SharedLogServers();
  /** Has each server fall behind. */
  readonly #fallBehind = new Map<HttpServer, () => void>();

  /** Starts so many. */
  static async open(count: number): Promise<ServersOnLog> {
    const servers = new ServersOnLog();
    for (let i = 0; i < count; i++) await servers.add();
    return servers;
  }

  /** Starts one more. */
  async add(disturb?: Disturb): Promise<HttpServer> {
    let fall = (_: string) => {};
    const server = await this.#shared.serve(disturb, {}, (store) => {
      store.watch = (onBehind) => fall = onBehind;
    });
    this.#fallBehind.set(server, () => fall("the log does not answer"));
    this.all.push(server);
    return server;
  }

  /** Starts one more, which learns of the log as late as it may. */
  async addReluctant(): Promise<void> {
    this.all.push(await this.#shared.serveReluctant());
  }

  /** Their addresses. */
  get urls(): string[] {
    return this.all.map(({ url }) => url);
  }

  /** The one at an address. */
  at(url: string): HttpServer {
    const found = this.all.find((server) => server.url === url);
    assert(found, `no server is at ${url}`);
    return found;
  }

  /** A server is cut off from the log from now on. */
  cutOff(server: HttpServer): void {
    this.#fallBehind.get(server)!();
  }

  /** Ends those that still run. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((server) => server[Symbol.asyncDispose]()));
  }
}
