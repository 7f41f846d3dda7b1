/**
 * What one read of the store brought for a run of `get`s.
 *
 * @module
 */

import { FRAME_BYTES } from "../protocol/limits.ts";
import type { Message } from "../stores/store.ts";
import type { Queue } from "./queue.ts";
import type { Reader } from "./reader.ts";

/** At most so many bytes are brought into memory by one read (or one message, if larger). */
const AT_ONCE = 16 * 1024 * 1024;

/** At most so many topics are read at once, however small their messages are. */
const TOPICS = 64;

/** What was found for one reader. */
export class Page {
  readonly #reader: Reader;
  readonly #messages: readonly Message[];
  #taken = 0;

  /** None of it is taken. */
  constructor(reader: Reader, messages: readonly Message[]) {
    this.#reader = reader;
    this.#messages = messages;
  }

  /** Whether the next `get` can be answered from it; if not, the store may know more. */
  get answers(): boolean {
    return this.#messages.length === 0 || this.#taken < this.#messages.length;
  }

  /** The oldest unread message, if there is one. */
  get next(): Message | undefined {
    return this.#messages[this.#taken];
  }

  /** The next one is read: the cursor moves. */
  take(): void {
    const message = this.#messages[this.#taken++];
    if (message) this.#reader.deliver(message);
  }
}

/** The unread messages of several readers, given out one by one. */
export class Pages {
  readonly #pages = new Map<Reader, Page>();

  private constructor() {}

  /**
   * Reads for the first of these `get`s, as many as one read can serve.
   *
   * @param queue where messages come from
   * @param gets the reader of each `get`, in order, if it has one
   * @param messageBytes the largest message that there may be
   * @returns what was found; rejects with a `StoreError`
   */
  static async read(
    queue: Queue,
    gets: readonly (Reader | undefined)[],
    messageBytes: number,
  ): Promise<Pages> {
    const topics = Math.min(TOPICS, Math.max(1, Math.floor(AT_ONCE / messageBytes)));
    const wanted = new Map<Reader, number>();
    for (let i = 0; i < gets.length;) {
      const reader = gets[i];
      const first = i++;
      // Mostly all are of one topic.
      while (i < gets.length && gets[i] === reader) i++;
      if (!reader) continue;
      const before = wanted.get(reader) ?? 0;
      if (before === 0 && wanted.size === topics) break;
      wanted.set(reader, before + i - first);
    }
    const pages = new Pages();
    const bytes = Math.floor(FRAME_BYTES / wanted.size);
    for (const [reader] of wanted) if (reader.waiting) await reader.serveWaiting();
    const readers = [...wanted].filter(([reader]) => {
      // Someone waits there still: so there is nothing, and whatever comes is the waiter's.
      if (reader.waiting) pages.#pages.set(reader, new Page(reader, []));
      return !reader.waiting;
    });
    if (readers.length === 0) return pages;
    const found = await queue.store.read(
      readers.map(([{ topic, cursor }, count]) => ({ topic, after: cursor, count, bytes })),
    );
    readers.forEach(([reader], i) => {
      const { messages, through } = found[i]!;
      if (messages.length === 0) reader.advance(through);
      pages.#pages.set(reader, new Page(reader, messages));
    });
    return pages;
  }

  /** What was found for a reader; `undefined` if it was not asked for. */
  of(reader: Reader): Page | undefined {
    return this.#pages.get(reader);
  }
}
