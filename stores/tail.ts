/**
 * The newest messages, on their way into a database.
 *
 * @module
 */

import { sizeOf } from "./size.ts";
import type { Message, Query } from "./store.ts";

/** With so many messages, or so many bytes of bodies, it is time to move them. */
const FULL = { messages: 1024, bytes: 512 * 1024 };

/** With so many messages it takes longer to look through them than to ask the database. */
const LONG = 4 * FULL.messages;

/** A list of messages with consecutive sequence numbers. */
export class Tail {
  #messages: Message[] = [];
  #bytes = 0;

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
    return this.#messages.length >= FULL.messages || this.#bytes >= FULL.bytes;
  }

  /** It should be moved at once: it was filled several times over. */
  get long(): boolean {
    return this.#messages.length >= LONG;
  }

  /** Takes a message, which follows on the last. */
  add(message: Message): void {
    this.#messages.push(message);
    this.#bytes += message.bytes;
  }

  /** The messages are where they should be. */
  clear(): void {
    this.#messages = [];
    this.#bytes = 0;
  }

  /** Messages after a number were not stored after all. */
  cut(last: number): void {
    while (this.#messages.length > 0 && this.#messages.at(-1)!.seq > last) {
      this.#bytes -= this.#messages.pop()!.bytes;
    }
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
    let i = Math.min(this.#place(seq), this.#messages.length) - 1;
    while (i >= 0 && this.#messages[i]!.topic !== topic) i--;
    return this.#messages[i];
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
    const [first] = this.#messages;
    if (!first) return [];
    if (newest) {
      const message = this.#messages.findLast((message) => message.topic === topic);
      return message && message.seq > after ? [message] : [];
    }
    const found: Message[] = [];
    let left = bytes;
    for (let i = Math.max(0, after + 1 - first.seq); i < this.#messages.length; i++) {
      const message = this.#messages[i]!;
      if (message.topic !== topic) continue;
      left -= message.bytes;
      if (left < 0 && found.length > 0) break;
      if (found.push(message) === count) break;
    }
    return found;
  }
}
