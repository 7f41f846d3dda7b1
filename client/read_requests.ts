/**
 * Reads of single messages: who asks first is served first, and nothing that arrived is lost.
 *
 * @module
 */

import { DsmqError } from "../protocol/errors.ts";
import { NameMap } from "../protocol/name_map.ts";
import type { MessageReply, ResultReply } from "../protocol/replies.ts";
import type { Message } from "./messages.ts";
import type { Call } from "./connection_end.ts";
import { LimitedRead, type ReadLimits } from "./limited_read.ts";
import { rejectedWithCallerStack } from "./rejection.ts";
import type { TopicName } from "./topic_names.ts";
import { type QueueItem, TopicQueue } from "./topic_queue.ts";
import { type ReadContext, type SharedByReads, SimpleRead } from "./topic_read.ts";
import { MAX_WAIT } from "../protocol/client_limits.ts";

/**
 * A server that ends a wait `by` so much too early (ms) counted time that this end was asleep, or was asked for the longest
 * time that the wire allows. It is asked again for the rest, unless it answered `sooner` than that.
 */
const EARLY_REPLY = { margin: 1000, minElapsed: 500 };

/** A read that waits until there is a message, its time is over, or its signal aborts. */
class WaitingRead extends LimitedRead {
  readonly #timeout: number;
  /** When it was sent last, by the clock of the deadlines. */
  #sentAt = 0;

  /** Makes one that is not sent. */
  constructor(topic: TopicName, limits: ReadLimits, context: ReadContext) {
    super("get_wait", topic, limits, context);
    this.#timeout = limits.timeout;
  }

  override get isWait(): boolean {
    return true;
  }

  protected override jsonFields(): string {
    const { now } = this.context.shared.deadlines;
    this.#sentAt = now;
    // Sent again, it has waited for a while already.
    const remaining = this.isSent ? Math.ceil(this.end - now) : this.#timeout;
    return `${super.jsonFields()},"timeout":${Math.min(MAX_WAIT, Math.max(0, remaining))}`;
  }

  override onReply(reply: ResultReply): void {
    const { deadlines, positions, requests } = this.context.shared;
    if (this.isOpen && reply.kind === "empty" && !requests.ended) {
      const { now } = deadlines;
      if (this.end - now > EARLY_REPLY.margin && now - this.#sentAt > EARLY_REPLY.minElapsed) {
        this.requireBehind(reply);
        positions.advance(this.topic, reply.through);
        return requests.send(this);
      }
    }
    super.onReply(reply);
  }

  /** Its time is not over: it asks again. */
  override onStarved(): void {
    this.resend();
  }
}

/** Up to this many queues are kept, also those that hold only expired messages. */
const SWEEP_SIZE = 1024;

/** What a caller did to read, and what it gets. */
export interface ReadForm<T> {
  /** What it did, for errors. */
  readonly verb: string;
  /** Turns a message, if there is one, and its epoch into the result. */
  readonly make: (message: MessageReply | undefined, topic: string, epoch: string) => T;
}

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
   * Reads the oldest unread message, if there is one.
   *
   * @param topic the topic
   * @param form what the caller did, and what it gets
   * @param signal cancels it
   * @returns the result; rejects with a `DsmqError`, or with the reason of the signal
   */
  readOldest<T>(topic: TopicName, form: ReadForm<T>, signal?: AbortSignal): Promise<T> {
    const queue = this.#queueFor(topic, form.verb);
    return this.#takeArrived(topic, queue, form) ?? new Promise((resolve) => {
      const context = this.#context(queue, form, resolve);
      const read = signal
        ? new LimitedRead("get", topic, { timeout: Infinity, signal }, context)
        : new SimpleRead(false, topic, context);
      read.send();
    });
  }

  /** Reads the oldest unread message, as soon as there is one. As for `readOldest`. */
  waitForOldest<T>(topic: TopicName, form: ReadForm<T>, limits: ReadLimits): Promise<T> {
    const queue = this.#queueFor(topic, form.verb);
    return this.#takeArrived(topic, queue, form) ?? new Promise((resolve) => {
      new WaitingRead(topic, limits, this.#context(queue, form, resolve)).send();
    });
  }

  /** Reads the newest unread message, if there is one; older ones are skipped. As for `readOldest`. */
  readNewest<T>(topic: TopicName, form: ReadForm<T>, limits?: ReadLimits): Promise<T> {
    const queue = this.#queueFor(topic, form.verb);
    return new Promise((resolve) => {
      // Removes what has expired since it arrived.
      oldestFresh(queue);
      const context = this.#context(queue, form, resolve);
      const read = limits
        ? new LimitedRead("get_latest", topic, limits, context)
        : new SimpleRead(true, topic, context);
      read.send();
    });
  }

  /**
   * Reads the newest unread message; if there is none, the next one that is stored. In between, reads that were made
   * meanwhile get messages first. As for `readOldest`.
   */
  async waitForNewest<T>(topic: TopicName, form: ReadForm<T>, limits: ReadLimits): Promise<T> {
    const { deadlines } = this.#shared;
    const end = deadlines.now + limits.timeout;
    const newest = await this.readNewest(topic, form, limits);
    const remaining = Math.ceil(end - deadlines.now);
    if (newest !== undefined || remaining <= 0) return newest;
    // No abort has been noticed since.
    limits.signal?.throwIfAborted();
    return await this.waitForOldest(topic, form, { ...limits, timeout: remaining });
  }

  /** What has arrived for a read that was cancelled, if no other read is before this one. */
  #takeArrived<T>(
    topic: TopicName,
    queue: TopicQueue,
    form: ReadForm<T>,
  ): Promise<T> | undefined {
    if (queue.hasReaders) return undefined;
    const item = oldestFresh(queue);
    if (!item) return undefined;
    queue.shift();
    this.#dropIfIdle(topic.name, queue);
    return item.gap
      ? rejectedWithCallerStack(item.gap)
      : Promise.resolve(form.make(item.message, topic.name, item.epoch));
  }

  #context<T>(
    queue: TopicQueue,
    form: ReadForm<T>,
    resolve: (value: T | PromiseLike<T>) => void,
  ): ReadContext {
    return {
      shared: this.#shared,
      queue,
      form,
      resolve: resolve as ReadContext["resolve"],
      onIdle: this.#dropIfIdle,
    };
  }

  /** What has arrived of a topic, or is on its way, for a subscription that starts at the connection's cursor. */
  queueOf(topic: string): TopicQueue | undefined {
    const queue = this.#queues.get(topic);
    if (queue) oldestFresh(queue);
    return queue;
  }

  /** Begins a read, and returns the queue of its topic. Throws if there can be none. */
  #queueFor({ name }: TopicName, verb: string): TopicQueue {
    const { requests, positions } = this.#shared;
    requests.acceptance.require({ verb, topic: name });
    requests.requireRoom(verb, name);
    let queue = this.#queues.get(name);
    if (queue) return queue;
    if (!positions.reserve(name)) {
      throw new DsmqError(
        "limit_exceeded",
        `Cannot ${verb}: too many topics have positions that must be kept`,
        { topic: name },
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
    if (!queue.isIdle || this.#queues.get(topic) !== queue) return;
    this.#queues.delete(topic);
    this.#shared.positions.release(topic);
  };
}

/** Reads that give a message. */
export const READ: ReadForm<Message | undefined> = { verb: "read", make: toMessage };

/** Reads in the forms of dsmq 1.x, which give a text. */
export const GET: ReadForm<string> = { verb: "get", make: (message) => message?.body ?? "" };

/** A message as the caller gets it. */
function toMessage(
  reply: MessageReply | undefined,
  topic: string,
  epoch: string,
): Message | undefined {
  if (!reply) return undefined;
  const { body, seq, time, attributes } = reply;
  const message = { topic, body, seq, position: `${epoch}:${seq}`, time };
  return attributes === undefined ? message : { ...message, ...attributes };
}

/** The oldest item that has not expired. */
function oldestFresh(queue: TopicQueue): QueueItem | undefined {
  let item;
  while ((item = queue.head)?.message && item.expires <= performance.now()) queue.shift();
  return item;
}
