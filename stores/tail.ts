/**
 * The newest messages, on their way into a database.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import { sizeOf } from "./size.ts";
import type { Message, Query } from "./store.ts";

/** With so many messages, of so many topics, or with so many bytes of bodies, it is time to move them. */
const FULL = { messages: 1024, topics: 256, bytes: 512 * 1024 };

/** With so many messages it takes longer to look through them than to ask the database. */
const LONG = 4 * FULL.messages;

/** A list of messages with consecutive sequence numbers. */
export class Tail {
  #messages: Message[] = [];
  #bytes = 0;
  /** Where the messages of each topic are among these. */
  readonly #places = new NameMap<number[]>();
  /** Those of the topic that was added to last. */
  #last: { readonly topic: string; readonly places: number[] } | undefined;

  /** The messages, oldest first. */
  get messages(): readonly Message[] {
    return this.#messages;
  }

  /** How large the bodies are, in bytes of UTF-8. */
  get bytes(): number {
    return this.#bytes;
  }

  /** It should be moved before it takes more. */
  get full(): boolean {
    const { messages, topics, bytes } = FULL;
    return this.#messages.length >= messages || this.topics >= topics || this.#bytes >= bytes;
  }

  /** It should be moved at once: it was filled several times over. */
  get long(): boolean {
    return this.#messages.length >= LONG;
  }

  /** How many topics it has messages of. */
  get topics(): number {
    return this.#places.size;
  }

  /** Whether it has messages of a topic. */
  has(topic: string): boolean {
    return this.#places.has(topic);
  }

  /** Takes a message, which follows on the last. */
  add(message: Message): void {
    const { topic } = message;
    if (this.#last?.topic !== topic) this.#last = { topic, places: this.#placesOf(topic) };
    this.#last.places.push(this.#messages.push(message) - 1);
    this.#bytes += message.bytes;
  }

  /** The messages are where they should be. */
  clear(): void {
    this.#messages = [];
    this.#bytes = 0;
    this.#places.clear();
    this.#last = undefined;
  }

  /** Messages after a number were not stored after all. */
  cut(last: number): void {
    while (this.#messages.length > 0 && this.#messages.at(-1)!.seq > last) {
      const { topic, bytes } = this.#messages.pop()!;
      this.#bytes -= bytes;
      const places = this.#places.get(topic)!;
      places.pop();
      if (places.length === 0) this.#places.delete(topic);
    }
    this.#last = undefined;
  }

  /** Whether it holds all messages of the store that come after a sequence number. */
  covers(after: number, last: number): boolean {
    return after >= last - this.#messages.length;
  }

  /** When a message was stored, if it is in here. */
  timeOf(seq: number): number | undefined {
    const [first] = this.#messages;
    return first && this.#messages[seq - first.seq]?.time;
  }

  /** Its messages up to a number. */
  upTo(seq: number): readonly Message[] {
    return this.#messages.slice(0, this.#place(seq));
  }

  /** The newest message of a topic up to a number. */
  newestUpTo(topic: string, seq: number): Message | undefined {
    const places = this.#places.get(topic) ?? [];
    const before = places[countBelow(places, this.#place(seq)) - 1];
    return before === undefined ? undefined : this.#messages[before];
  }

  /** What its messages take after one number and up to another. */
  size(after: number, upTo: number): number {
    let size = 0;
    for (let i = this.#place(after); (this.#messages[i]?.seq ?? Infinity) <= upTo; i++) {
      size += sizeOf(this.#messages[i]!);
    }
    return size;
  }

  /** The number up to which its messages after one take so much together; the last, if they take less. */
  reach(after: number, size: number): number {
    let i = this.#place(after);
    for (let left = size; i < this.#messages.length && left > 0; i++) {
      left -= sizeOf(this.#messages[i]!);
    }
    return this.#messages[i - 1]?.seq ?? after;
  }

  /** Where the messages after a number begin. */
  #place(after: number): number {
    const [first] = this.#messages;
    return first ? Math.max(0, after + 1 - first.seq) : 0;
  }

  /** The messages that a query asks for, as far as the tail has them. */
  read({ topic, after, count, bytes, newest }: Query): readonly Message[] {
    const places = this.#places.get(topic);
    if (!places) return [];
    if (newest) {
      const message = this.#messages[places.at(-1)!]!;
      return message.seq > after ? [message] : [];
    }
    const found: Message[] = [];
    let left = bytes;
    for (let i = countBelow(places, this.#place(after)); i < places.length; i++) {
      const message = this.#messages[places[i]!]!;
      left -= message.bytes;
      if (left < 0 && found.length > 0) break;
      if (found.push(message) === count) break;
    }
    return found;
  }

  #placesOf(topic: string): number[] {
    let places = this.#places.get(topic);
    if (!places) this.#places.set(topic, places = []);
    return places;
  }
}

/** How many of the numbers, which grow, are below one. */
function countBelow(numbers: readonly number[], bound: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle]! < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
