/**
 * Redis streams, with node-redis.
 *
 * @module
 */

import { createClient } from "redis";
import { type Processes, retryUntilReady } from "../processes.ts";

const STREAM = "bench";

/** Puts into a stream and reads from it. */
export class Redis implements AsyncDisposable {
  readonly #client: ReturnType<typeof createClient>;

  private constructor(client: ReturnType<typeof createClient>) {
    this.#client = client;
  }

  /** Starts a server without persistence, and connects. */
  static async open(processes: Processes): Promise<Redis> {
    const { port } = await processes.start("redis-server", (port) => [
      ...["--port", `${port}`, "--bind", "127.0.0.1"],
      ...["--save", "", "--appendonly", "no", "--dir", processes.folder()],
    ], "the package redis-server");
    return await retryUntilReady(async () => {
      const client = createClient({
        url: `redis://127.0.0.1:${port}`,
        socket: { reconnectStrategy: false },
      });
      client.on("error", () => {});
      await client.connect();
      return new Redis(client);
    });
  }

  /** Appends a message and returns its id. */
  put(message: string): Promise<string> {
    return this.#client.xAdd(STREAM, "*", { message });
  }

  /** Reads the message after an id. */
  async get(after: string): Promise<unknown> {
    const found = await this.#client.xRange(STREAM, `(${after}`, "+", { COUNT: 1 });
    if (found.length !== 1) throw new Error("Redis has no message there");
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
  }
}
