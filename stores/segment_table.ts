/**
 * The table of messages. A row holds a segment: messages with consecutive sequence numbers, all of one topic. That is
 * an eighth of the work of a row for each message, and takes little more memory than the messages themselves.
 *
 * @module
 */

import type { Database, Statement } from "./engine.ts";
import { isLarge, LargeRows } from "./large_rows.ts";
import {
  decodeRow,
  lastTimeOf,
  NO_TOPIC,
  parseTimes,
  SEGMENT_MESSAGES,
  segmentAt,
  type SegmentRow,
} from "./segment_row.ts";
import type { TopicMessage, TopicPageQuery } from "./store.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS runs (
    last INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    topic INTEGER NOT NULL,
    size INTEGER NOT NULL,
    times TEXT NOT NULL,
    bodies TEXT NOT NULL,
    attributes TEXT
  );
  CREATE INDEX IF NOT EXISTS runs_of_topic ON runs (topic, last, first);
`;

/** How many rows are cached for readers who read one message after another. */
const CACHED_ROWS = 64;

/** Messages, as rows of a database. */
export class SegmentTable {
  readonly #sql: Record<
    | "insert"
    | "page"
    | "newest"
    | "next"
    | "last"
    | "before"
    | "around"
    | "from"
    | "end"
    | "delete"
    | "ends",
    Statement
  >;
  /** A reader gets no more than this with any row, in bytes. */
  #largestBytes = 0;
  /** The row in which a time was looked up last. */
  #cachedTimes: { readonly first: number; readonly times: readonly number[] } | undefined;
  /** By the id of their topic, rows that were read in part. */
  readonly #cache = new Map<number, readonly TopicMessage[]>();
  /** Large rows that were read a short time ago. */
  readonly largeRows: LargeRows = new LargeRows();

  /**
   * Makes the table.
   *
   * @param db an open database
   */
  constructor(db: Database) {
    db.exec(SCHEMA);
    const columns = "last, first, times, bodies, attributes, octet_length(bodies) AS bytes";
    this.#sql = {
      insert: db.prepare("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)"),
      page: db.prepare(
        `SELECT ${columns} FROM runs WHERE topic = ? AND last > ? ORDER BY last LIMIT ?`,
      ),
      newest: db.prepare(
        `SELECT ${columns} FROM runs WHERE topic = ? AND last > ? ORDER BY last DESC LIMIT 1`,
      ),
      next: db.prepare("SELECT last FROM runs WHERE topic = ? AND last > ? ORDER BY last LIMIT 1"),
      last: db.prepare(
        "SELECT last FROM runs WHERE topic = ? AND last > ? ORDER BY last DESC LIMIT 1",
      ),
      before: db.prepare(
        "SELECT last, first, times FROM runs WHERE topic = ? AND last <= ? ORDER BY last DESC LIMIT 1",
      ),
      around: db.prepare(
        "SELECT last, first, times FROM runs WHERE topic = ? AND last > ? ORDER BY last LIMIT 1",
      ),
      from: db.prepare(
        "SELECT last, first, topic, times FROM runs WHERE last >= ? ORDER BY last LIMIT 1",
      ),
      end: db.prepare("SELECT last FROM runs WHERE last > ? ORDER BY last LIMIT 1 OFFSET ?"),
      delete: db.prepare("DELETE FROM runs WHERE last <= ?"),
      ends: db.prepare(
        "SELECT min(first) AS first, max(last) AS last, max(size) AS largest, " +
          "sum(last - first + 1) AS count FROM runs WHERE last > ?",
      ),
    };
  }

  /**
   * Checks the rows that a database had before.
   *
   * @param floor messages up to here do not count
   * @param last the last message that there should be
   * @returns the first message in the table, expired or not
   * @throws {Error} if messages are missing
   */
  load(floor: number, last: number): number {
    const [found] = this.#sql.ends.all(floor) as [
      { first: number | null; last: number; largest: number; count: number },
    ];
    const first = found.first ?? last + 1;
    const isComplete = found.first === null
      ? floor === last
      : first <= floor + 1 && found.last === last && found.count === last - first + 1;
    if (!isComplete) throw new Error("it is damaged: messages are missing in it");
    this.#largestBytes = found.largest ?? 0;
    return this.first ?? first;
  }

  /**
   * Inserts messages that follow each other and all before.
   *
   * @param messages the messages, oldest first
   * @param id gives the id of the topic of a row, which counts so much
   * @returns in how many rows
   */
  insert(messages: readonly TopicMessage[], id: (topic: string, size: number) => number): number {
    let rows = 0;
    for (let i = 0; i < messages.length; rows++) {
      const { topic, first, last, size, times, bodies, attributes, bytes } = segmentAt(messages, i);
      this.#sql.insert.run(last, first, id(topic, size), size, times, bodies, attributes);
      if (bytes > this.#largestBytes) this.#largestBytes = bytes;
      i += last - first + 1;
    }
    return rows;
  }

  /** Inserts an empty row in the place of messages that are missing; see {@linkcode TopicPurge}. */
  insertEmpty(first: number, last: number, time: number): void {
    this.#sql.insert.run(last, first, NO_TOPIC, 0, `${time}`, "", null);
  }

  /**
   * Reads the oldest messages of a topic.
   *
   * @param query which messages, and the id of the topic
   * @returns as many as were asked for, or all that there are
   */
  oldest(
    { topic, id, after, count, bytes }: TopicPageQuery & { readonly id: number },
  ): TopicMessage[] {
    const found: TopicMessage[] = [];
    let left = bytes;
    /** Takes the messages of the next row; returns whether more are wanted. */
    const takeRow = (messages: readonly TopicMessage[]): boolean => {
      for (let i = Math.max(0, after + 1 - messages[0]!.seq); i < messages.length; i++) {
        const message = messages[i]!;
        left -= message.bytes;
        const enough = found.length === count || (left < 0 && found.length > 0);
        if (enough) return this.#cacheRow(id, messages), false;
        found.push(message);
      }
      return true;
    };
    let from = after;
    const cached = this.#cache.get(id);
    if (cached && after + 1 >= cached[0]!.seq && after < cached.at(-1)!.seq) {
      if (!takeRow(cached)) return found;
      from = cached.at(-1)!.seq;
    }
    // Rows may be full or hold one message: what the first query does not return, the next ones do.
    for (let limit = 1 + Math.ceil(count / SEGMENT_MESSAGES); found.length < count; limit *= 2) {
      const large = this.#findLarge("next", id, from);
      if (large) {
        if (!takeRow([large])) return found;
        from = large.seq;
        continue;
      }
      const fitting = Math.max(1, Math.floor(left / this.#largestBytes));
      const max = Math.min(limit, fitting);
      const rows = this.#sql.page.all(id, from, max) as SegmentRow[];
      for (const row of rows) if (!takeRow(this.#decodeRow(row, topic, id))) return found;
      if (rows.length < max) break;
      from = rows.at(-1)!.last;
    }
    return found;
  }

  #cacheRow(id: number, row: readonly TopicMessage[]): void {
    // It is remembered anyway, and must not be held.
    if (isLarge(row)) return;
    this.#cache.delete(id);
    this.#cache.set(id, row);
    if (this.#cache.size > CACHED_ROWS) this.#cache.delete(this.#cache.keys().next().value!);
  }

  /** The newest message of a topic after a sequence number, if there is one. */
  newest(topic: string, id: number, after: number): TopicMessage | undefined {
    const large = this.#findLarge("last", id, after);
    if (large) return large;
    const [row] = this.#sql.newest.all(id, after) as SegmentRow[];
    return row && this.#decodeRow(row, topic, id).at(-1);
  }

  /** The message of the first or the last row of a topic after a number, if it is large and was read a short time ago. */
  #findLarge(which: "next" | "last", id: number, after: number): TopicMessage | undefined {
    if (!this.largeRows.has(id)) return undefined;
    const [row] = this.#sql[which].all(id, after) as [{ last: number }?];
    return row && this.largeRows.find(row.last);
  }

  #decodeRow(row: SegmentRow, topic: string, id: number): readonly TopicMessage[] {
    const messages = decodeRow(row, topic);
    this.largeRows.record(id, messages);
    return messages;
  }

  /** The newest message of a topic up to a number, if there is one, and when it was stored. */
  newestUpTo(id: number, upTo: number): { seq: number; time: number } | undefined {
    // A row that also holds later messages holds the message with that very number: all in between belong to its
    // topic.
    const [around] = this.#sql.around.all(id, upTo) as [SegmentRow?];
    if (around && around.first <= upTo) {
      const { first, last, times } = around;
      return { seq: upTo, time: parseTimes(times, last - first + 1)[upTo - first]! };
    }
    const [before] = this.#sql.before.all(id, upTo) as [SegmentRow?];
    return before && { seq: before.last, time: lastTimeOf(before.times) };
  }

  /** The oldest message of a topic after a number, if there is one. */
  oldestAfter(id: number, after: number): number | undefined {
    const [row] = this.#sql.around.all(id, after) as [SegmentRow?];
    return row && Math.max(row.first, after + 1);
  }

  /** When a message was stored; it must be there. */
  timeOf(seq: number): number {
    let cachedTimes = this.#cachedTimes;
    if (
      !cachedTimes || seq < cachedTimes.first || seq >= cachedTimes.first + cachedTimes.times.length
    ) {
      const [{ first, last, times }] = this.#sql.from.all(seq) as [SegmentRow];
      this.#cachedTimes = cachedTimes = { first, times: parseTimes(times, last - first + 1) };
    }
    return cachedTimes.times[seq - cachedTimes.first]!;
  }

  /** The first message in the table, expired or not. */
  get first(): number | undefined {
    return (this.#sql.from.all(0) as [SegmentRow?])[0]?.first;
  }

  /** Where the last of this many rows after a number ends; `Infinity` if there are fewer. */
  endOf(after: number, rows: number): number {
    const [row] = this.#sql.end.all(after, rows - 1) as [{ last: number }?];
    return row?.last ?? Infinity;
  }

  /** Whether a message is there, and neither purged nor missing. */
  has(seq: number): boolean {
    const [row] = this.#sql.from.all(seq) as [(SegmentRow & { readonly topic: number })?];
    return row !== undefined && row.first <= seq && row.topic !== NO_TOPIC;
  }

  /** The last message of the row that holds a number; `undefined` if it is in none. */
  rowEnd(seq: number): number | undefined {
    return (this.#sql.from.all(seq) as [SegmentRow?])[0]?.last;
  }

  /** Whether the row of a message also holds later ones. */
  splits(seq: number): boolean {
    const [row] = this.#sql.from.all(seq) as [SegmentRow?];
    return row !== undefined && row.first <= seq && row.last > seq;
  }

  /** Deletes the rows of which no message comes after a sequence number. */
  delete(upTo: number): void {
    this.#sql.delete.run(upTo);
    this.largeRows.forget(upTo);
  }

  /** No row has larger bodies than this, in bytes. */
  get largestBytes(): number {
    return this.#largestBytes;
  }

  /** Rows were undone: forgets what is remembered of them. */
  rolledBack(): void {
    this.#cachedTimes = undefined;
    this.#cache.clear();
    this.largeRows.forget();
  }

  /** The table is empty. */
  emptied(): void {
    this.#largestBytes = 0;
  }
}
