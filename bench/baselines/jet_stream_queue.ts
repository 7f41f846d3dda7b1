/**
 * Jobs in a work queue of JetStream, in memory, with its own client.
 *
 * @module
 */

import {
  AckPolicy,
  type ConsumerMessages,
  jetstream,
  type JetStreamClient,
  jetstreamManager,
  type JsMsg,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { JobCount } from "../jobs/job_count.ts";
import { handleJob, type JobQueue } from "../jobs/job_queue.ts";
import type { Running } from "../processes.ts";
import { connectNats } from "./nats.ts";

/** Publishes with acknowledgements; a pull consumer acknowledges each message. */
export class JetStreamQueue implements JobQueue {
  readonly #subject: string;
  readonly #putter: NatsConnection;
  readonly #worker: NatsConnection;
  readonly #client: JetStreamClient;
  readonly #jobs = new JobCount();
  #consuming: ConsumerMessages | undefined;

  private constructor(subject: string, putter: NatsConnection, worker: NatsConnection) {
    this.#subject = subject;
    this.#putter = putter;
    this.#worker = worker;
    this.#client = jetstream(putter);
  }

  /** Makes a work queue and starts its consumer. */
  static async open(server: Running, held: number): Promise<JetStreamQueue> {
    const name = `jobs-${held}`;
    const [putter, worker] = [await connectNats(server), await connectNats(server)];
    const manager = await jetstreamManager(worker);
    await manager.streams.add({
      ...{ name, subjects: [name] },
      storage: StorageType.Memory,
      retention: RetentionPolicy.Workqueue,
    });
    await manager.consumers.add(name, {
      durable_name: "workers",
      ack_policy: AckPolicy.Explicit,
      max_ack_pending: held,
    });
    const queue = new JetStreamQueue(name, putter, worker);
    const consumer = await jetstream(worker).consumers.get(name, "workers");
    queue.#consuming = await consumer.consume({
      max_messages: held,
      callback: (message) => queue.#work(message),
    });
    return queue;
  }

  put(body: string): Promise<unknown> {
    return this.#client.publish(this.#subject, body);
  }

  async worked(count: number): Promise<void> {
    await this.#jobs.next(count);
    // The server answers this after it has read the acknowledgements before it.
    await this.#worker.flush();
  }

  /** `ack` waits for no answer, as JetStream means it: {@linkcode worked} waits once for all of them. */
  #work(message: JsMsg): void {
    handleJob(message.string()).then(
      () => {
        message.ack();
        this.#jobs.add(1);
      },
      (error) => this.#jobs.fail(error),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#consuming?.close();
    await Promise.all([this.#putter.close(), this.#worker.close()]);
  }
}
