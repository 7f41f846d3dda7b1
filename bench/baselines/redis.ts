/**
 * Redis streams, with node-redis.
 *
 * @module
 */

import { createClient } from "redis";
import { type Processes, retryUntilReady, type Running } from "../processes.ts";

/** A connection of node-redis. */
export type RedisClient = ReturnType<typeof createClient>;

const STREAM = "bench";

/** Starts a server without persistence. */
export function startRedis(processes: Processes): Promise<Running> {
  return processes.start("redis-server", (port) => [
    ...["--port", `${port}`, "--bind", "127.0.0.1"],
    ...["--save", "", "--appendonly", "no", "--dir", processes.folder()],
  ], "the package redis-server");
}

/** Connects, once the server listens. */
export function connectRedis({ port }: Running): Promise<RedisClient> {
  return retryUntilReady(async () => {
    const client = createClient({
      url: `redis://127.0.0.1:${port}`,
      socket: { reconnectStrategy: false },
    });
    client.on("error", () => {});
    await client.connect();
    return client;
  });
}

/** Puts into a stream and reads from it. */
export class Redis implements AsyncDisposable {
  readonly #client: RedisClient;

  private constructor(client: RedisClient) {
    this.#client = client;
  }

  /** Starts a server, and connects. */
  static async open(processes: Processes): Promise<Redis> {
    return new Redis(await connectRedis(await startRedis(processes)));
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
