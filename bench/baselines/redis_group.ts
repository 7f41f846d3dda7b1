/**
 * Jobs in a Redis stream with a consumer group, with node-redis.
 *
 * @module
 */

import { JobCount } from "../jobs/job_count.ts";
import { handleJob, type JobQueue, type Workforce } from "../jobs/job_queue.ts";
import type { Running } from "../processes.ts";
import { connectRedis, type RedisClient } from "./redis.ts";

const GROUP = "workers";

/** How jobs are acknowledged: each with a command of its own, or all that were read together with one. */
export type Acknowledging = "each" | "together";

/** Puts with XADD, works with XREADGROUP and XACK. */
export class RedisGroup implements JobQueue {
  readonly #stream: string;
  readonly #held: number;
  readonly #acknowledging: Acknowledging;
  readonly #putter: RedisClient;
  readonly #workers: readonly RedisClient[];
  readonly #jobs = new JobCount();
  #isClosing = false;

  private constructor(
    stream: string,
    held: number,
    acknowledging: Acknowledging,
    [putter, ...workers]: readonly RedisClient[],
  ) {
    this.#stream = stream;
    this.#held = held;
    this.#acknowledging = acknowledging;
    this.#putter = putter!;
    this.#workers = workers;
  }

  /** Makes a stream and its group, and starts the consumers. */
  static async open(
    server: Running,
    { workers, held }: Workforce,
    acknowledging: Acknowledging,
  ): Promise<RedisGroup> {
    const stream = `jobs-${workers}-${held}-${acknowledging}`;
    const clients = Array.from({ length: 1 + workers }, () => connectRedis(server));
    const group = new RedisGroup(stream, held, acknowledging, await Promise.all(clients));
    await group.#putter.xGroupCreate(stream, GROUP, "0", { MKSTREAM: true });
    for (const [i, client] of group.#workers.entries()) {
      group.#work(client, `${i}`).catch((error) => group.#isClosing || group.#jobs.fail(error));
    }
    return group;
  }

  put(body: string): Promise<string> {
    return this.#putter.xAdd(this.#stream, "*", { body });
  }

  worked(count: number): Promise<void> {
    return this.#jobs.next(count);
  }

  /**
   * Sends the acknowledgements of all jobs that it has, and the next read with them: node-redis writes them together, so jobs take
   * one round trip. The server has taken the acknowledgements when it comes to the read, so nobody holds more than he may.
   */
  async #work(client: RedisClient, consumer: string): Promise<void> {
    const source = { key: this.#stream, id: ">" };
    const options = { COUNT: this.#held, BLOCK: 0 };
    for (let done: string[] = [];;) {
      const commands = this.#acknowledging === "each" || done.length === 0 ? done : [done];
      const acknowledged = commands.map((ids) => client.xAck(this.#stream, GROUP, ids));
      const read = client.xReadGroup(GROUP, consumer, source, options);
      const counts = await Promise.all(acknowledged);
      if (counts.length > 0) this.#jobs.add(counts.reduce((sum, count) => sum + count));
      const streams = await read as readonly StreamMessages[];
      const messages = streams.flatMap(({ messages }) => messages);
      await Promise.all(messages.map(({ message }) => handleJob(message.body!)));
      done = messages.map(({ id }) => id);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    for (const worker of this.#workers) worker.destroy();
    await this.#putter.del(this.#stream);
    await this.#putter.close();
  }
}

interface StreamMessages {
  readonly name: string;
  readonly messages: { readonly id: string; readonly message: Record<string, string> }[];
}
