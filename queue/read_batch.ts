/**
 * The result of one read of the store, for a run of `get`s.
 *
 * @module
 */

import { REPLY_FRAME_BYTES } from "../protocol/limits.ts";
import type { TopicMessage } from "../stores/store.ts";
import type { Queue } from "./queue.ts";
import type { TopicCursor } from "./topic_cursor.ts";

/** At most this many bytes come into memory by one read, or one message if it is larger. */
const MAX_BYTES = 16 * 1024 * 1024;

/** At most this many topics are read at once, however small their messages are. */
const MAX_TOPICS = 64;

/** The unread messages of one cursor. */
export class TopicPage {
  readonly #cursor: TopicCursor;
  readonly #messages: readonly TopicMessage[];
  #taken = 0;

  /** No message is taken yet. */
  constructor(cursor: TopicCursor, messages: readonly TopicMessage[]) {
    this.#cursor = cursor;
    this.#messages = messages;
  }

  /** Whether the next `get` can be answered from it. If not, the store may have more. */
  get canServe(): boolean {
    return this.#messages.length === 0 || this.#taken < this.#messages.length;
  }

  /** The oldest unread message, if there is one. */
  get next(): TopicMessage | undefined {
    return this.#messages[this.#taken];
  }

  /** The next message was read: the cursor moves. */
  take(): void {
    const message = this.#messages[this.#taken++];
    if (message) this.#cursor.deliver(message);
  }
}

/** The unread messages of several cursors. */
export class ReadBatch {
  readonly #pages = new Map<TopicCursor, TopicPage>();

  private constructor() {}

  /**
   * Reads for the first of these `get`s, as many as one read of the store can serve.
   *
   * @param queue where messages come from
   * @param gets the cursor of each `get`, in order, if it has one
   * @param messageBytes the largest possible message, in bytes
   * @returns what was found; rejects with a `StoreError`
   */
  static async read(
    queue: Queue,
    gets: readonly (TopicCursor | undefined)[],
    messageBytes: number,
  ): Promise<ReadBatch> {
    const topics = Math.min(MAX_TOPICS, Math.max(1, Math.floor(MAX_BYTES / messageBytes)));
    const counts = new Map<TopicCursor, number>();
    for (let i = 0; i < gets.length;) {
      const cursor = gets[i];
      const start = i++;
      // Mostly all have the same topic.
      while (i < gets.length && gets[i] === cursor) i++;
      if (!cursor) continue;
      const previous = counts.get(cursor) ?? 0;
      if (previous === 0 && counts.size === topics) break;
      counts.set(cursor, previous + i - start);
    }
    const batch = new ReadBatch();
    const bytes = Math.floor(REPLY_FRAME_BYTES / counts.size);
    for (const [cursor] of counts) if (cursor.hasWaiters) await cursor.serveWaiters();
    const cursors = [...counts].filter(([cursor]) => {
      // There are still waiters: so there is nothing to read, and the next message is theirs.
      if (cursor.hasWaiters) batch.#pages.set(cursor, new TopicPage(cursor, []));
      return !cursor.hasWaiters;
    });
    if (cursors.length === 0) return batch;
    const found = await queue.store.read(
      cursors.map(([{ topic, position }, count]) => ({ topic, after: position, count, bytes })),
    );
    cursors.forEach(([cursor], i) => {
      const { messages, through } = found[i]!;
      if (messages.length === 0) cursor.advance(through);
      batch.#pages.set(cursor, new TopicPage(cursor, messages));
    });
    return batch;
  }

  /** The messages of a cursor; `undefined` if it was not read. */
  of(cursor: TopicCursor): TopicPage | undefined {
    return this.#pages.get(cursor);
  }
}
