/**
 * Reads of single messages: who asks first is served first, and nothing that arrived is lost.
 *
 * @module
 */

import { DsmqError } from "../protocol/errors.ts";
import { NameMap } from "../protocol/name_map.ts";
import type { MessageReply } from "../protocol/replies.ts";
import type { Message } from "./api.ts";
import type { Call } from "./connection_end.ts";
import { rejectedWithCallerStack } from "./rejection.ts";
import type { TopicName } from "./topic_names.ts";
import { type QueueItem, TopicQueue } from "./topic_queue.ts";
import { NewestRead, OldestRead, type SharedByReads } from "./topic_read.ts";
import { WaitingRead, type WaitLimits } from "./waiting_read.ts";

/** Up to this many queues are kept, also those that hold only expired messages. */
const SWEEP_SIZE = 1024;

/** The reads of a connection. */
export class ReadRequests {
  readonly #shared: SharedByReads;
  readonly #queues = new NameMap<TopicQueue>();
  /** With this many queues, those are removed that hold only expired messages. */
  #sweepAt = SWEEP_SIZE;

  /** Begins with none. */
  constructor(shared: SharedByReads) {
    this.#shared = shared;
  }

  /** The connection has ended: reads without a request of their own fail. */
  finish(makeError: (call: Call) => DsmqError): void {
    for (const queue of [...this.#queues.values()]) queue.onEnd(makeError);
  }

  /**
   * Reads the oldest unread message, if there is one; with `wait`, as soon as there is one.
   *
   * @param topic the topic
   * @param make turns the message into the result
   * @param waitLimits how long to wait, if at all
   * @returns the result; rejects with a `DsmqError`, or with the reason of the signal
   */
  readOldest<T>(
    topic: TopicName,
    make: (message: MessageReply | undefined, topic: string) => T,
    waitLimits?: WaitLimits,
  ): Promise<T> {
    const action = waitLimits ? "get_wait" : "get";
    const queue = this.#queueFor(topic, action);
    if (!queue.hasReaders) {
      const item = oldestFresh(queue);
      if (item) {
        queue.shift();
        this.#dropIfIdle(topic.name, queue);
        return item.gap
          ? rejectedWithCallerStack(item.gap)
          : Promise.resolve(make(item.message, topic.name));
      }
    }
    return new Promise((resolve) => {
      const context = { shared: this.#shared, queue, make, resolve, onIdle: this.#dropIfIdle };
      const reader = waitLimits
        ? new WaitingRead(action, topic, waitLimits, context)
        : new OldestRead(action, topic, context);
      reader.send();
    });
  }

  /** Reads the newest unread message, if there is one; older ones are skipped. */
  readNewest(topic: TopicName): Promise<Message | undefined> {
    const queue = this.#queueFor(topic, "get_latest");
    return new Promise((resolve) => {
      // Removes what has expired since it arrived.
      oldestFresh(queue);
      const context = {
        shared: this.#shared,
        queue,
        make: toMessage,
        resolve,
        onIdle: this.#dropIfIdle,
      };
      new NewestRead("get_latest", topic, context).send();
    });
  }

  /** What has arrived of a topic, or is on its way, for a subscription that starts at the connection's cursor. */
  queueOf(topic: string): TopicQueue | undefined {
    const queue = this.#queues.get(topic);
    if (queue) oldestFresh(queue);
    return queue;
  }

  /** Begins a read, and returns the queue of its topic. Throws if there can be none. */
  #queueFor({ name }: TopicName, action: string): TopicQueue {
    const { requests, positions } = this.#shared;
    requests.requireOpen({ action, topic: name });
    requests.requireRoom(action, name);
    let queue = this.#queues.get(name);
    if (queue) return queue;
    if (!positions.reserve(name)) {
      throw new DsmqError(
        "limit_exceeded",
        "Cannot get: too many topics have positions that must be kept",
        {
          topic: name,
        },
      );
    }
    if (this.#queues.size >= this.#sweepAt) this.#sweep();
    this.#queues.set(name, queue = new TopicQueue());
    return queue;
  }

  /** Removes the queues of topics that nobody reads, and whose messages have expired. */
  #sweep(): void {
    for (const [topic, queue] of this.#queues) {
      oldestFresh(queue);
      this.#dropIfIdle(topic, queue);
    }
    this.#sweepAt = Math.max(SWEEP_SIZE, 2 * this.#queues.size);
  }

  /** Removes a queue that is idle. */
  readonly #dropIfIdle = (topic: string, queue: TopicQueue): void => {
    if (queue.isIdle && this.#queues.get(topic) === queue) this.#queues.delete(topic);
  };
}

/** A message as the caller gets it. */
export function toMessage(reply: MessageReply | undefined, topic: string): Message | undefined {
  return reply && { topic, body: reply.body, seq: reply.seq, time: reply.time };
}

/** The oldest item that has not expired. */
function oldestFresh(queue: TopicQueue): QueueItem | undefined {
  let item;
  while ((item = queue.head)?.message && item.expires <= performance.now()) queue.shift();
  return item;
}
