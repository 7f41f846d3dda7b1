/**
 * Pages of messages of all topics that begin with a prefix.
 *
 * @module
 */

import type { Database } from "./engine.ts";
import type { GoneIndex } from "./gone_index.ts";
import type { MessageIds } from "./message_ids.ts";
import { horizonOf, NEVER, wentAfter } from "./gone_map.ts";
import { PageFill } from "./page_fill.ts";
import { PrefixRows } from "./prefix_rows.ts";
import type { SegmentTable } from "./segment_table.ts";
import type { SeqRange } from "./seq_range.ts";
import type { Gone, MessagePage, PrefixPageQuery } from "./store.ts";
import type { TopicTable } from "./topic_table.ts";
import type { WriteBuffer } from "./write_buffer.ts";

/** What is gone of a prefix. */
type GoneQuery = Pick<PrefixPageQuery, "prefix" | "after" | "asOf">;

/** The messages of a store. */
interface Messages {
  readonly buffer: WriteBuffer;
  readonly range: SeqRange;
  readonly gone: GoneIndex;
  readonly ids: MessageIds;
  readonly topics: TopicTable;
}

/** Reads from the table of messages, and then from the write buffer. */
export class PrefixPages {
  readonly #db: Database;
  readonly #segments: SegmentTable;
  readonly #log: Messages;
  /** Prepared by the first reader: most stores have none. */
  #prefixRows: PrefixRows | undefined;

  /**
   * Prepares nothing.
   *
   * @param db the database
   * @param segments the table of messages in it
   * @param log the messages of the store, in the table and newer ones in the buffer
   */
  constructor(db: Database, segments: SegmentTable, log: Messages) {
    this.#db = db;
    this.#segments = segments;
    this.#log = log;
  }

  /** Reads a page of the messages after a floor. */
  page(query: PrefixPageQuery, floor: number): MessagePage {
    const { last } = this.#log.range;
    const after = Math.max(query.after, floor);
    const fill = new PageFill({ ...query, after });
    const through = query.after >= last ? query.after : this.#read(query.prefix, after, fill);
    const { ids } = this.#log;
    const messages = query.identities
      ? fill.messages.map((message) => ids.identified(message))
      : fill.messages;
    const gone = query.gone ? this.gone(query, floor) : undefined;
    const page = { messages, through, floor };
    const isCutShort = !fill.isFull && through < last;
    return { ...page, ...(isCutShort && { more: true }), ...(gone && { gone }) };
  }

  /** The newest message that is gone of any topic with a prefix, if it comes after a number and went after a time, and everything up to a floor is gone. */
  gone({ prefix, after, asOf = NEVER }: GoneQuery, floor: number): Gone | undefined {
    const { gone } = this.#log;
    if (after >= gone.newestGone(floor)) return undefined;
    const recorded = gone.newestPurged(prefix, asOf);
    const expired = wentAfter(asOf, this.#newestExpired(prefix, after, floor));
    // Also older ones than a purge removed: they may have gone later.
    if (expired) return recorded ? horizonOf(expired, recorded) : expired;
    return recorded && recorded.seq > after ? recorded : undefined;
  }

  /** The newest message up to a floor that is in the table or the buffer, if it comes after a number. */
  #newestExpired(prefix: string, after: number, floor: number): Gone | undefined {
    if (after >= floor) return undefined;
    const { buffer, gone } = this.#log;
    const inBuffer = buffer.newestWithPrefixUpTo(prefix, floor);
    if (inBuffer && inBuffer.seq > after) return gone.ofUnpurged(inBuffer);
    const seq = this.#rows.newestUpTo(prefix, after, floor);
    return seq === undefined
      ? undefined
      : gone.ofUnpurged({ seq, time: this.#segments.timeOf(seq) });
  }

  /** Reads into a page; returns how far all is read. */
  #read(prefix: string, after: number, page: PageFill): number {
    const { buffer, range } = this.#log;
    const { last } = range;
    if (!buffer.covers(after, last)) {
      // The buffer is not written: a reader that is far behind would have that done each time with only a few messages.
      const flushed = last - buffer.messages.length;
      const through = this.#rows.read(prefix, after, flushed, page);
      if (page.isFull || through < flushed) return through;
    }
    buffer.readPrefix(prefix, after, page);
    return page.isFull ? page.messages.at(-1)!.seq : last;
  }

  get #rows(): PrefixRows {
    return this.#prefixRows ??= new PrefixRows(this.#db, this.#segments, this.#log.topics);
  }
}
