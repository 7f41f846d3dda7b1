/**
 * Streams of JetStream, with its own client.
 *
 * @module
 */

import {
  AckPolicy,
  DeliverPolicy,
  jetstream,
  type JetStreamClient,
  type JetStreamManager,
  jetstreamManager,
  StorageType,
} from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";

/** What a stream is like. */
export interface StreamKind {
  /** Default: `memory` */
  readonly storage?: "memory" | "file";
  /** It takes batches. Default: `false` */
  readonly batches?: boolean;
}

/** Publishes into a stream, with acknowledgements. */
export class JetStream {
  readonly #name: string;
  readonly #nats: NatsConnection;
  readonly #client: JetStreamClient;
  readonly #manager: JetStreamManager;

  private constructor(name: string, nats: NatsConnection, manager: JetStreamManager) {
    this.#name = name;
    this.#nats = nats;
    this.#client = jetstream(nats);
    this.#manager = manager;
  }

  /** Creates a stream; its name is its subject, too. */
  static async open(
    nats: NatsConnection,
    { storage = "memory", batches = false }: StreamKind = {},
  ): Promise<JetStream> {
    const manager = await jetstreamManager(nats);
    const name = batches ? "batches" : "messages";
    await manager.streams.add({
      ...{ name, subjects: [name], allow_atomic: batches },
      storage: storage === "memory" ? StorageType.Memory : StorageType.File,
    });
    return new JetStream(name, nats, manager);
  }

  /** Appends a message. */
  async put(message: string): Promise<void> {
    await this.#client.publish(this.#name, message);
  }

  /** Appends the same message many times, at least twice, as one batch: all of them or none. */
  async putBatch(message: string, count: number): Promise<void> {
    const batch = await this.#client.startBatch(this.#name, message);
    for (let i = 2; i < count; i++) batch.add(this.#name, message);
    await batch.commit(this.#name, message);
  }

  /**
   * Follows the stream from now on with a consumer of its own, one that the server pushes to and that acknowledges nothing.
   *
   * @returns publishes a message, and resolves once the consumer has brought it
   */
  async follow(): Promise<(message: string) => Promise<void>> {
    let onArrival = () => {};
    const inbox = "bench.follow";
    this.#nats.subscribe(inbox, { callback: () => onArrival() });
    await this.#manager.consumers.add(this.#name, {
      ...{ name: "follow", deliver_subject: inbox, mem_storage: true },
      ...{ ack_policy: AckPolicy.None, deliver_policy: DeliverPolicy.New },
    });
    return (message) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      onArrival = resolve;
      // The acknowledgement is not waited for: what the consumer brings is stored.
      this.#nats.publish(this.#name, message);
      return promise;
    };
  }
}
