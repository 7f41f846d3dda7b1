/**
 * Pages of messages of one topic.
 *
 * @module
 */

import type { GoneIndex } from "./gone_index.ts";
import type { SegmentTable } from "./segment_table.ts";
import type { SeqRange } from "./seq_range.ts";
import type { MessagePage, TopicMessage, TopicPageQuery } from "./store.ts";
import type { TopicTable } from "./topic_table.ts";
import type { WriteBuffer } from "./write_buffer.ts";

/** The messages of a store. */
interface Messages {
  readonly buffer: WriteBuffer;
  readonly range: SeqRange;
  readonly gone: GoneIndex;
  readonly topics: TopicTable;
  readonly segments: SegmentTable;
  /** Moves the buffer into the database. */
  flush(): void;
  /** A part of what fails stays done, until a transaction that is under way is undone. */
  readonly isInTransaction: boolean;
}

/** Reads from the table of messages, and then from the write buffer. */
export class TopicPages {
  readonly #log: Messages;

  /** Reads messages of a store, in the table and newer ones in the buffer. */
  constructor(log: Messages) {
    this.#log = log;
  }

  /** Reads a page of the messages after a floor. */
  page(query: TopicPageQuery, floor: number): MessagePage {
    const { range: { last }, gone: goneIndex } = this.#log;
    const messages = query.after >= last
      ? []
      : this.#read(query.after < floor ? { ...query, after: floor } : query);
    const hasMessages = query.newest !== true && messages.length > 0;
    const through = hasMessages ? messages.at(-1)!.seq : Math.max(query.after, last);
    const gone = query.gone && goneIndex.find(query.topic, floor, query.asOf);
    return gone ? { messages, through, floor, gone } : { messages, through, floor };
  }

  #read(query: TopicPageQuery): readonly TopicMessage[] {
    const { buffer, range: { last } } = this.#log;
    if (buffer.covers(query.after, last)) return buffer.read(query);
    if (!query.newest && buffer.messages.length > 0) {
      // A reader that is far behind does not have the buffer written, each time with only a few messages.
      const found = this.#readTable(query);
      if (found.length === query.count) return found;
    }
    try {
      this.#log.flush();
    } catch (error) {
      // The database may have some of the buffer.
      if (this.#log.isInTransaction) throw error;
      // If nothing can be written to the database, its messages can still be read, and then the buffer.
    }
    const found = this.#readTable(query);
    if (buffer.messages.length === 0) return found;
    if (query.newest) {
      const newest = buffer.read(query);
      return newest.length > 0 ? newest : found;
    }
    const count = query.count - found.length;
    const bytes = query.bytes - found.reduce((sum, message) => sum + message.bytes, 0);
    if (count === 0 || (found.length > 0 && bytes <= 0)) return found;
    const rest = buffer.read({ ...query, after: last - buffer.messages.length, count, bytes });
    // A first message is always returned, however large; but not if others come before it.
    const fits = found.length === 0 || (rest[0]?.bytes ?? 0) <= bytes;
    return fits ? [...found, ...rest] : found;
  }

  #readTable(query: TopicPageQuery): readonly TopicMessage[] {
    const { topics, segments } = this.#log;
    const { topic, after, newest } = query;
    const id = topics.find(topic, after);
    if (id === undefined) return [];
    if (!newest) return segments.oldest({ ...query, id });
    const message = segments.newest(topic, id, after);
    return message ? [message] : [];
  }
}
