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

/** What was found for one reader, and which of it is next. */
interface Page {
  readonly messages: readonly Message[];
  next: number;
}

/** The unread messages of several readers, given out one by one. */
export class Pages {
  readonly #pages = new Map<Reader, Page>();
  /** The one that was asked for last: mostly it is asked for again. */
  #reader: Reader | undefined;
  #page: Page | undefined;

  private constructor() {}

  /**
   * Reads for the first of these `get`s, as many as one read can serve.
   *
   * @param queue where messages come from
   * @param gets the reader of each `get`, in order
   * @param messageBytes the largest message that there may be
   * @returns what was found; rejects with a `StoreError`
   */
  static async read(
    queue: Queue,
    gets: readonly Reader[],
    messageBytes: number,
  ): Promise<Pages> {
    const topics = Math.min(TOPICS, Math.max(1, Math.floor(AT_ONCE / messageBytes)));
    const wanted = new Map<Reader, number>();
    for (const reader of gets) {
      if (!wanted.has(reader) && wanted.size === topics) break;
      wanted.set(reader, (wanted.get(reader) ?? 0) + 1);
    }
    const pages = new Pages();
    const bytes = Math.floor(FRAME_BYTES / wanted.size);
    for (const [reader] of wanted) if (reader.waiting) await reader.serveWaiting();
    const readers = [...wanted].filter(([reader]) => {
      // Someone waits there still: so there is nothing, and whatever comes is the waiter's.
      if (reader.waiting) pages.#pages.set(reader, { messages: [], next: 0 });
      return !reader.waiting;
    });
    if (readers.length === 0) return pages;
    const found = await queue.store.read(
      readers.map(([{ topic, cursor }, count]) => ({ topic, after: cursor, count, bytes })),
    );
    readers.forEach(([reader], i) => {
      const { messages, through } = found[i]!;
      if (messages.length === 0) reader.advance(through);
      pages.#pages.set(reader, { messages, next: 0 });
    });
    return pages;
  }

  /** Whether the next `get` of a reader can be answered from these pages; if not, the store may know more. */
  answers(reader: Reader): boolean {
    const page = this.#of(reader);
    return page !== undefined && (page.messages.length === 0 || page.next < page.messages.length);
  }

  /** The oldest unread message of a reader, if there is one. */
  next(reader: Reader): Message | undefined {
    const page = this.#of(reader)!;
    return page.messages[page.next];
  }

  /** The same; its cursor moves. */
  take(reader: Reader): Message | undefined {
    const page = this.#of(reader)!;
    const message = page.messages[page.next++];
    if (message) reader.deliver(message);
    return message;
  }

  #of(reader: Reader): Page | undefined {
    if (reader !== this.#reader) {
      this.#page = this.#pages.get(reader);
      this.#reader = reader;
    }
    return this.#page;
  }
}
