/**
 * Jobs of dsmq: messages of a topic, and a group of workers.
 *
 * @module
 */

import type { Connection, TopicWorker } from "../../client.ts";
import { connectTo } from "../bench.ts";
import type { Running } from "../processes.ts";
import { JobCount } from "./job_count.ts";
import { handleJob, type JobQueue, type Workforce } from "./job_queue.ts";

/** Puts into a topic; workers of its default group handle the messages. */
export class DsmqJobs implements JobQueue {
  readonly #topic: string;
  readonly #putter: Connection;
  readonly #connections: readonly Connection[];
  readonly #workers: readonly TopicWorker[];
  readonly #jobs = new JobCount();
  /** How many jobs were to be worked until now. */
  #total = 0;

  private constructor(
    topic: string,
    held: number,
    [putter, ...connections]: readonly Connection[],
  ) {
    this.#topic = topic;
    this.#putter = putter!;
    this.#connections = connections;
    this.#workers = connections.map((mq) => {
      const worker = mq.work(topic, async ({ body }) => {
        await handleJob(body);
        this.#jobs.add(1);
      }, { concurrency: held });
      worker.closed.catch((error) => this.#jobs.fail(error));
      return worker;
    });
  }

  /** Connects, and starts the workers, each on a connection of its own. */
  static async open(server: Running, { workers, held }: Workforce): Promise<DsmqJobs> {
    const connections = Array.from({ length: 1 + workers }, () => connectTo(server));
    return new DsmqJobs(`jobs-${workers}-${held}`, held, await Promise.all(connections));
  }

  put(body: string): Promise<number> {
    return this.#putter.put(this.#topic, body);
  }

  async worked(count: number): Promise<void> {
    this.#total += count;
    await this.#jobs.next(count);
    while (this.#done < this.#total) await this.#connections[0]!.get("nothing");
  }

  /** How many jobs the server has acknowledged as done. */
  get #done(): number {
    return this.#workers.reduce((sum, { stats }) => sum + stats.done, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop()));
    await Promise.all([this.#putter, ...this.#connections].map((mq) => mq.close()));
  }
}
