/**
 * A one-page model of a server: all its messages, and what its readers have read.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Message, PutOptions } from "@dsmq/server";

/** For how long the model keeps a message, in milliseconds. */
export const RETENTION = 1000;

function includes(filter: string, topic: string): boolean {
  return filter.endsWith("*") ? topic.startsWith(filter.slice(0, -1)) : filter === topic;
}

/** A message without its position, which the model does not know before it has seen one. */
export type ModelMessage = Omit<Message, "position">;

/** All stored messages, oldest first, and the time. */
export class ModelStore {
  /** The epoch of the server, once a message has shown it. */
  epoch: string | undefined;
  readonly messages: ModelMessage[] = [];
  readonly readers: ModelReader[] = [];
  time: number;

  constructor(time: number) {
    this.time = time;
  }

  get last(): number {
    return this.messages.length;
  }

  put(topic: string, body: string, options: PutOptions = {}): number {
    const { messageId } = options;
    const first = messageId === undefined
      ? undefined
      : this.unread(topic, 0).find((one) => one.messageId === messageId);
    if (first) return first.seq;
    const message = { topic, body, seq: this.last + 1, time: this.time, ...options };
    this.messages.push(message);
    for (const { streams } of this.readers) {
      for (const [filter, { unread }] of streams) if (includes(filter, topic)) unread.push(message);
    }
    return message.seq;
  }

  /** Compares what the server delivered with the message of the model. */
  assertSame(actual: Message | undefined, expected: ModelMessage | undefined): void {
    this.epoch ??= actual?.position.split(":")[0];
    const position = `${this.epoch}:${expected?.seq}`;
    assertEquals(actual, expected && { ...expected, position });
  }

  unread(filter: string, after: number): ModelMessage[] {
    return this.messages.filter((message) =>
      includes(filter, message.topic) && message.seq > after && message.time > this.time - RETENTION
    );
  }
}

/** One connection: what it has read of each topic, and what its subscriptions have not yielded yet. */
export class ModelReader {
  readonly streams = new Map<string, { unread: ModelMessage[] }>();
  readonly #store: ModelStore;
  readonly #start: number;
  readonly #cursors = new Map<string, number>();

  constructor(store: ModelStore, start: number) {
    this.#store = store;
    this.#start = start;
    store.readers.push(this);
  }

  unread(topic: string): ModelMessage[] {
    // A prefix has no cursor.
    return this.#store.unread(topic, this.#cursors.get(topic) ?? this.#start);
  }

  read(topic: string, which: 0 | -1): ModelMessage | undefined {
    const message = this.unread(topic).at(which);
    if (message) this.#cursors.set(topic, message.seq);
    return message;
  }
}
