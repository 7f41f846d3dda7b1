/**
 * Reading one message after another: who asked first gets first, and nothing that arrived is lost.
 *
 * @module
 */

import { DsmqError } from "../protocol/errors.ts";
import { NameMap } from "../protocol/name_map.ts";
import type { Link } from "./link.ts";
import type { Message } from "./message.ts";
import { rejected } from "./rejection.ts";
import { NewestReader, OldestReader } from "./readers.ts";
import type { TopicName } from "./topic.ts";
import { type Item, TopicQueue } from "./topic_queue.ts";
import { WaitingReader, type WaitLimits } from "./waiting_reader.ts";

/** So many queues at least are kept, whatever is in them. */
const SWEEP = 1024;

/** The reads of a connection. */
export class Reads {
  readonly #link: Link;
  readonly #queues = new NameMap<TopicQueue>();
  /** With so many queues it is time to look which hold only what has expired. */
  #sweepAt = SWEEP;

  /** Reads over a link. */
  constructor(link: Link) {
    this.#link = link;
    link.onFinish = (failure) => {
      for (const queue of [...this.#queues.values()]) queue.finish(failure);
    };
  }

  /**
   * The oldest unread message, if there is one; with `wait`, once there is one.
   *
   * @param topic what to read
   * @param make what to make of the message
   * @param wait whether to wait
   * @returns what was made; rejects with a `DsmqError`, or with the reason of the signal
   */
  oldest<T>(
    topic: TopicName,
    make: (message: Message | undefined) => T,
    wait?: WaitLimits,
  ): Promise<T> {
    const action = wait ? "get_wait" : "get";
    const queue = this.#begin(topic, action);
    if (!queue.busy) {
      const item = arrived(queue);
      if (item) {
        queue.shift();
        this.#rest(topic.name, queue);
        return item.gap ? rejected(item.gap) : Promise.resolve(make(item.message));
      }
    }
    return new Promise((resolve) => {
      const reading = { link: this.#link, queue, make, resolve, rest: this.#rest };
      const reader = wait
        ? new WaitingReader(action, topic, wait, reading)
        : new OldestReader(action, topic, reading);
      reader.ask();
    });
  }

  /** The newest unread message, if there is one; what is older is passed over. */
  newest(topic: TopicName): Promise<Message | undefined> {
    const queue = this.#begin(topic, "get_latest");
    return new Promise((resolve) => {
      // What arrived and has expired since is not there any more.
      arrived(queue);
      const reading = { link: this.#link, queue, make: itself, resolve, rest: this.#rest };
      new NewestReader("get_latest", topic, reading).ask();
    });
  }

  /** What has arrived of a topic or is on its way, for a subscription that begins at the connection's cursor. */
  queueOf(topic: string): TopicQueue | undefined {
    const queue = this.#queues.get(topic);
    if (queue) arrived(queue);
    return queue;
  }

  /** Throws if there can be no read. */
  #begin({ name }: TopicName, action: string): TopicQueue {
    this.#link.requests.requireOpen({ action, topic: name });
    this.#link.requireRoom(action, name);
    let queue = this.#queues.get(name);
    if (queue) return queue;
    if (!this.#link.positions.use(name)) {
      throw new DsmqError("too_many", "Cannot get: the positions of too many topics are kept", {
        topic: name,
      });
    }
    if (this.#queues.size >= this.#sweepAt) this.#sweep();
    this.#queues.set(name, queue = new TopicQueue());
    return queue;
  }

  /** Forgets what arrived for topics that nobody reads any more, and has expired. */
  #sweep(): void {
    for (const [topic, queue] of this.#queues) {
      arrived(queue);
      this.#rest(topic, queue);
    }
    this.#sweepAt = Math.max(SWEEP, 2 * this.#queues.size);
  }

  /** Forgets a queue of which nothing is to be remembered. */
  readonly #rest = (topic: string, queue: TopicQueue): void => {
    if (queue.idle && this.#queues.get(topic) === queue) this.#queues.delete(topic);
  };
}

function itself(message: Message | undefined): Message | undefined {
  return message;
}

/** The oldest of what has arrived and has not expired. */
function arrived(queue: TopicQueue): Item | undefined {
  let item;
  while ((item = queue.head)?.message && item.expires <= performance.now()) queue.shift();
  return item;
}
