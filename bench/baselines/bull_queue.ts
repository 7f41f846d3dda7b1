/**
 * BullMQ on Redis, with node-redis.
 *
 * @module
 */

import { Queue, Worker } from "bullmq";
import { JobCount } from "../jobs/job_count.ts";
import { handleJob, type JobQueue } from "../jobs/job_queue.ts";
import type { Running } from "../processes.ts";
import { connectRedis, type RedisClient } from "./redis.ts";

interface JobData {
  readonly body: string;
}

/** Adds jobs to a queue; a worker of its own handles them. */
export class BullQueue implements JobQueue {
  readonly #queue: Queue<JobData>;
  readonly #worker: Worker<JobData>;
  readonly #connections: readonly RedisClient[];
  readonly #jobs = new JobCount();

  private constructor(connections: readonly [RedisClient, RedisClient], concurrency: number) {
    const [putter, worker] = this.#connections = connections;
    // Else a completed job stays forever.
    const defaultJobOptions = { removeOnComplete: true };
    this.#queue = new Queue("jobs", { connection: putter, defaultJobOptions });
    this.#worker = new Worker("jobs", ({ data }) => handleJob(data.body), {
      connection: worker,
      concurrency,
    });
    this.#worker.on("completed", () => this.#jobs.add(1));
    this.#worker.on("failed", (_, error) => this.#jobs.fail(error));
    this.#worker.on("error", (error) => this.#jobs.fail(error));
  }

  /** Connects a queue and its worker. */
  static async open(server: Running, concurrency: number): Promise<BullQueue> {
    const connections = [await connectRedis(server), await connectRedis(server)] as const;
    const queue = new BullQueue(connections, concurrency);
    await Promise.all([queue.#queue.waitUntilReady(), queue.#worker.waitUntilReady()]);
    return queue;
  }

  put(body: string): Promise<unknown> {
    return this.#queue.add("job", { body });
  }

  worked(count: number): Promise<void> {
    return this.#jobs.next(count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.close();
    await this.#queue.close();
    for (const connection of this.#connections) connection.destroy();
  }
}
