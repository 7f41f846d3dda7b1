/**
 * Reading one message after another: who asked first gets first, and nothing that arrived is lost.
 *
 * @module
 */

import { DsmqError } from "../protocol/errors.ts";
import { NameMap } from "../protocol/name_map.ts";
import type { ReconnectingClient } from "./reconnecting_client.ts";
import type { Message } from "./message.ts";
import { rejectedWithCallerStack } from "./rejection.ts";
import { NewestRead, OldestRead } from "./topic_read.ts";
import type { TopicName } from "./topic_names.ts";
import { type QueueItem, TopicQueue } from "./topic_queue.ts";
import { WaitingRead, type WaitLimits } from "./waiting_read.ts";

/** So many queues at least are kept, whatever is in them. */
const SWEEP_SIZE = 1024;

/** The reads of a connection. */
export class ReadRequests {
  readonly #client: ReconnectingClient;
  readonly #queues = new NameMap<TopicQueue>();
  /** With so many queues it is time to look which hold only what has expired. */
  #sweepAt = SWEEP_SIZE;

  /** Reads over a link. */
  constructor(client: ReconnectingClient) {
    this.#client = client;
    client.onEnd = (makeError) => {
      for (const queue of [...this.#queues.values()]) queue.onEnd(makeError);
    };
  }

  /**
   * The oldest unread message, if there is one; with `wait`, once there is one.
   *
   * @param topic what to read
   * @param make what to make of the message
   * @param waitLimits whether to wait
   * @returns what was made; rejects with a `DsmqError`, or with the reason of the signal
   */
  readOldest<T>(
    topic: TopicName,
    make: (message: Message | undefined) => T,
    waitLimits?: WaitLimits,
  ): Promise<T> {
    const action = waitLimits ? "get_wait" : "get";
    const queue = this.#queueFor(topic, action);
    if (!queue.hasReaders) {
      const item = oldestFresh(queue);
      if (item) {
        queue.shift();
        this.#dropIfIdle(topic.name, queue);
        return item.gap ? rejectedWithCallerStack(item.gap) : Promise.resolve(make(item.message));
      }
    }
    return new Promise((resolve) => {
      const context = { client: this.#client, queue, make, resolve, onIdle: this.#dropIfIdle };
      const reader = waitLimits
        ? new WaitingRead(action, topic, waitLimits, context)
        : new OldestRead(action, topic, context);
      reader.send();
    });
  }

  /** The newest unread message, if there is one; what is older is passed over. */
  readNewest(topic: TopicName): Promise<Message | undefined> {
    const queue = this.#queueFor(topic, "get_latest");
    return new Promise((resolve) => {
      // What arrived and has expired since is not there any more.
      oldestFresh(queue);
      const context = {
        client: this.#client,
        queue,
        make: identity,
        resolve,
        onIdle: this.#dropIfIdle,
      };
      new NewestRead("get_latest", topic, context).send();
    });
  }

  /** What has arrived of a topic or is on its way, for a subscription that begins at the connection's cursor. */
  queueOf(topic: string): TopicQueue | undefined {
    const queue = this.#queues.get(topic);
    if (queue) oldestFresh(queue);
    return queue;
  }

  /** Throws if there can be no read. */
  #queueFor({ name }: TopicName, action: string): TopicQueue {
    this.#client.requests.requireOpen({ action, topic: name });
    this.#client.requireCapacity(action, name);
    let queue = this.#queues.get(name);
    if (queue) return queue;
    if (!this.#client.positions.reserve(name)) {
      throw new DsmqError(
        "limit_exceeded",
        "Cannot get: the positions of too many topics are kept",
        {
          topic: name,
        },
      );
    }
    if (this.#queues.size >= this.#sweepAt) this.#sweep();
    this.#queues.set(name, queue = new TopicQueue());
    return queue;
  }

  /** Forgets what arrived for topics that nobody reads any more, and has expired. */
  #sweep(): void {
    for (const [topic, queue] of this.#queues) {
      oldestFresh(queue);
      this.#dropIfIdle(topic, queue);
    }
    this.#sweepAt = Math.max(SWEEP_SIZE, 2 * this.#queues.size);
  }

  /** Forgets a queue of which nothing is to be remembered. */
  readonly #dropIfIdle = (topic: string, queue: TopicQueue): void => {
    if (queue.isIdle && this.#queues.get(topic) === queue) this.#queues.delete(topic);
  };
}

function identity(message: Message | undefined): Message | undefined {
  return message;
}

/** The oldest of what has arrived and has not expired. */
function oldestFresh(queue: TopicQueue): QueueItem | undefined {
  let item;
  while ((item = queue.head)?.message && item.expires <= performance.now()) queue.shift();
  return item;
}
