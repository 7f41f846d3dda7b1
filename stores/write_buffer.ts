/**
 * The newest messages, on their way into a database.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import type { PageFill } from "./page_fill.ts";
import type { TopicMessage, TopicPageQuery } from "./store.ts";
import { storedSize } from "./store_limits.ts";

/** With this many messages, topics, or bytes of bodies and attributes, it is time to flush. */
const FLUSH_AT = { messages: 1024, topics: 256, bytes: 512 * 1024 };

/** With this many messages, a search here takes longer than a query of the database. */
const FLUSH_NOW_AT = 4 * FLUSH_AT.messages;

/** A list of messages with consecutive sequence numbers. */
export class WriteBuffer {
  #messages: TopicMessage[] = [];
  #bytes = 0;
  /** The indexes of the messages of each topic. */
  readonly #indexesByTopic = new NameMap<number[]>();
  /** The topic of the last message. */
  #lastTopic: { readonly topic: string; readonly indexes: number[] } | undefined;
  /**
   * Topics of which the messages here do not just add to those that the table of topics has counted as stored: how many were
   * stored before the message at this place among those of the topic.
   */
  readonly #countedBefore = new NameMap<{ readonly stored: number; readonly place: number }>();

  /** The messages, oldest first. */
  get messages(): readonly TopicMessage[] {
    return this.#messages;
  }

  /** The size of the bodies and attributes, in bytes of UTF-8. */
  get bytes(): number {
    return this.#bytes;
  }

  /** It should be flushed before it takes more. */
  get isFull(): boolean {
    const { messages, topics, bytes } = FLUSH_AT;
    return this.#messages.length >= messages || this.topics >= topics || this.#bytes >= bytes;
  }

  /** It should be flushed at once: it has filled up several times over. */
  get isOverfull(): boolean {
    return this.#messages.length >= FLUSH_NOW_AT;
  }

  /** How many topics it has messages of. */
  get topics(): number {
    return this.#indexesByTopic.size;
  }

  /** Whether it has messages of a topic after a number. */
  holds(topic: string, after: number): boolean {
    const newest = this.#indexesByTopic.get(topic)?.at(-1);
    return newest !== undefined && this.#messages[newest]!.seq > after;
  }

  /** Whether it has messages of a topic, gone or not. */
  has(topic: string): boolean {
    return this.#indexesByTopic.has(topic);
  }

  /** Takes a message that follows the last one. */
  add(message: TopicMessage): void {
    const { topic } = message;
    if (this.#lastTopic?.topic !== topic) {
      this.#lastTopic = { topic, indexes: this.#indexesOf(topic) };
    }
    this.#lastTopic.indexes.push(this.#messages.push(message) - 1);
    this.#bytes += message.bytes;
  }

  /** The messages are in the database. */
  clear(): void {
    this.#messages = [];
    this.#bytes = 0;
    this.#indexesByTopic.clear();
    this.#countedBefore.clear();
    this.#lastTopic = undefined;
  }

  /** Messages after a number were not stored after all. */
  truncate(last: number): void {
    while (this.#messages.length > 0 && this.#messages.at(-1)!.seq > last) {
      const { topic, bytes } = this.#messages.pop()!;
      this.#bytes -= bytes;
      const indexes = this.#indexesByTopic.get(topic)!;
      indexes.pop();
      if (indexes.length === 0) this.#indexesByTopic.delete(topic);
    }
    this.#lastTopic = undefined;
    // What was counted while others were here belongs to what has not happened.
    if (this.#messages.length === 0) this.#countedBefore.clear();
  }

  /** All messages of a topic are gone: those that come are counted from 0. */
  countAnew(topic: string): void {
    const place = this.#indexesByTopic.get(topic)?.length ?? 0;
    this.#countedBefore.set(topic, { stored: 0, place });
  }

  /** The table of topics forgets how many messages of a topic were stored: those that are here go on from that number. */
  countFrom(topic: string, stored: number): void {
    if (!this.#indexesByTopic.has(topic) || this.#countedBefore.has(topic)) return;
    this.#countedBefore.set(topic, { stored, place: 0 });
  }

  /** The topics of which this had to be told, and how many messages of each were stored. */
  *counted(): Generator<[topic: string, stored: number]> {
    for (const [topic, { stored, place }] of this.#countedBefore) {
      yield [topic, stored + (this.#indexesByTopic.get(topic)?.length ?? 0) - place];
    }
  }

  /** Whether it has all messages of the store after a sequence number. */
  covers(after: number, last: number): boolean {
    return after >= last - this.#messages.length;
  }

  /** A message, if it is in here. */
  at(seq: number): TopicMessage | undefined {
    const [first] = this.#messages;
    return first && this.#messages[seq - first.seq];
  }

  /** When a message was stored, if it is in here. */
  timeOf(seq: number): number | undefined {
    const [first] = this.#messages;
    return first && this.#messages[seq - first.seq]?.time;
  }

  /** Its messages up to a number. */
  messagesUpTo(seq: number): readonly TopicMessage[] {
    return this.#messages.slice(0, this.#firstIndexAfter(seq));
  }

  /** The newest message of a topic up to a number. */
  newestUpTo(topic: string, seq: number): TopicMessage | undefined {
    const indexes = this.#indexesByTopic.get(topic) ?? [];
    const before = indexes[countBelow(indexes, this.#firstIndexAfter(seq)) - 1];
    return before === undefined ? undefined : this.#messages[before];
  }

  /** The size of its messages after one number and up to another. */
  sizeBetween(after: number, upTo: number): number {
    let total = 0;
    for (let i = this.#firstIndexAfter(after); (this.#messages[i]?.seq ?? Infinity) <= upTo; i++) {
      total += storedSize(this.#messages[i]!);
    }
    return total;
  }

  /** The number up to which its messages after another one have a total size; the last one if they have less. */
  seqCovering(after: number, size: number): number {
    let i = this.#firstIndexAfter(after);
    for (let left = size; i < this.#messages.length && left > 0; i++) {
      left -= storedSize(this.#messages[i]!);
    }
    return this.#messages[i - 1]?.seq ?? after;
  }

  /** The index of the first message after a number. */
  #firstIndexAfter(after: number): number {
    const [first] = this.#messages;
    return first ? Math.max(0, after + 1 - first.seq) : 0;
  }

  /** The messages that a query asks for, as far as they are here. */
  read({ topic, after, count, bytes, newest }: TopicPageQuery): readonly TopicMessage[] {
    const indexes = this.#indexesByTopic.get(topic);
    if (!indexes) return [];
    if (newest) {
      const message = this.#messages[indexes.at(-1)!]!;
      return message.seq > after ? [message] : [];
    }
    const found: TopicMessage[] = [];
    let left = bytes;
    for (let i = countBelow(indexes, this.#firstIndexAfter(after)); i < indexes.length; i++) {
      const message = this.#messages[indexes[i]!]!;
      left -= message.bytes;
      if (left < 0 && found.length > 0) break;
      if (found.push(message) === count) break;
    }
    return found;
  }

  /** Adds the messages of all topics that begin with a prefix to a page, as far as they are here. */
  readPrefix(prefix: string, after: number, page: PageFill): void {
    const messages = this.#messages;
    for (let i = this.#firstIndexAfter(after); i < messages.length && !page.isFull; i++) {
      if (messages[i]!.topic.startsWith(prefix)) page.takeOne(messages[i]!);
    }
  }

  /** The newest message of such a topic up to a number. */
  newestWithPrefixUpTo(prefix: string, seq: number): TopicMessage | undefined {
    return this.#messages.findLast((message) =>
      message.seq <= seq && message.topic.startsWith(prefix)
    );
  }

  #indexesOf(topic: string): number[] {
    let indexes = this.#indexesByTopic.get(topic);
    if (!indexes) this.#indexesByTopic.set(topic, indexes = []);
    return indexes;
  }
}

/** How many of the ascending numbers are below a bound. */
function countBelow(numbers: readonly number[], bound: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle]! < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
