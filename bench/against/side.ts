/**
 * One side of a comparison: a checkout's server and, in this process, its client.
 *
 * @module
 */

import process from "node:process";
import type { Client } from "../client_calls.ts";
import { processorTime } from "../cpu.ts";
import { Processes, type Running } from "../processes.ts";
import type { Sample } from "./comparison.ts";

interface ClientModule {
  /** `{ port }` is an address; a checkout from before addresses and options came apart takes it as options. */
  connect(address: { readonly port: number }): Promise<Client>;
}

/** The checkout that is measured. */
export class Side implements AsyncDisposable {
  readonly processes = new Processes();
  readonly #root: URL;
  readonly #client: ClientModule;
  readonly #transport: readonly string[];

  private constructor(root: URL, client: ClientModule, transport: string | undefined) {
    this.#root = root;
    this.#client = client;
    this.#transport = transport === undefined ? [] : ["--transport", transport];
  }

  /** Loads the client of a checkout. `transport` is for its server. */
  static async open(root: URL, transport?: string): Promise<Side> {
    return new Side(root, await import(new URL("client.ts", root).href), transport);
  }

  /** Starts its server. This process goes to the client's core. */
  start(...options: readonly string[]): Promise<Running> {
    return this.processes.startDsmqOf(this.#root, ...this.#transport, ...options);
  }

  /** Connects its client to its server. */
  connect({ port }: Running): Promise<Client> {
    return this.#client.connect({ port });
  }

  /**
   * Measures some work.
   *
   * @param server its CPU time is counted besides that of this process
   * @param messages how many messages the work is for
   * @param work returns the time of a message, in milliseconds
   */
  async sample(server: Running, messages: number, work: () => Promise<number>): Promise<Sample> {
    const before = await processorTime(server.pid);
    const own = process.cpuUsage();
    const wall = await work();
    const { user, system } = process.cpuUsage(own);
    const after = await processorTime(server.pid);
    return {
      wall,
      serverCpu: (after - before) / messages,
      clientCpu: (user + system) / 1000 / messages,
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.processes[Symbol.asyncDispose]();
  }
}
