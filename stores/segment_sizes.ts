/**
 * How much messages in the table count, by whole rows where that is possible.
 *
 * @module
 */

import { MESSAGE_OVERHEAD } from "../protocol/limits.ts";
import type { Database, Statement } from "./engine.ts";
import { rowSizes, type SegmentRow } from "./segment_row.ts";

/** How much the messages of a row count. */
interface SegmentSize {
  readonly last: number;
  readonly first: number;
  /** Their total, by `storedSize`. */
  readonly size: number;
}

/** How many rows are read at once: more each time while the oldest messages are evicted one after another. */
const READ_AHEAD = { first: 4, max: 256 };

/** This many rows are skipped at once if this many bytes are to be evicted: that takes a tenth of the time. */
const SKIP = { rows: 1024, bytes: 1024 * MESSAGE_OVERHEAD };

/** The sizes of so many rows are read at once to add them up. */
const CHUNK_ROWS = 4096;

/** The sizes of the messages in a table of segments. */
export class SegmentSizes {
  readonly #sql: Record<
    "total" | "next" | "many" | "ofTopic" | "chunk" | "around" | "texts",
    Statement
  >;
  /** The row that was looked at last, and the sizes up to each of its messages. */
  #row: SegmentSize & { readonly sums: readonly number[] } | undefined;
  /** Consecutive rows, and the index of the one that was used last. A row never changes. */
  #readAhead: readonly SegmentSize[] = [];
  #index = 0;
  /** Where the first row ends. */
  #firstEnd: number | undefined;

  /**
   * Looks at a table.
   *
   * @param db an open database that has the tables of messages and topics
   */
  constructor(db: Database) {
    this.#sql = {
      total: db.prepare(
        "SELECT coalesce(sum(size), 0) AS size FROM runs WHERE last > ? AND last <= ?",
      ),
      next: db.prepare("SELECT last, first, size FROM runs WHERE last > ? ORDER BY last LIMIT ?"),
      many: db.prepare(
        "SELECT max(last) AS last, sum(size) AS size FROM " +
          "(SELECT last, size FROM runs WHERE last > ? ORDER BY last LIMIT ?)",
      ),
      ofTopic: db.prepare(
        "SELECT coalesce(sum(size), 0) AS size FROM runs WHERE topic = ? AND last > ? AND last <= ?",
      ),
      // `|| ''` makes plain text of what SQLite marks as JSON, which `@db/sqlite` would parse.
      chunk: db.prepare(
        "SELECT max(last) AS last, json_group_array(topic) || '' AS topics, " +
          "json_group_array(size) || '' AS sizes, " +
          "coalesce(sum(size) FILTER (WHERE last > ?2), 0) AS unexpired FROM " +
          "(SELECT last, topic, size FROM runs WHERE last > ?1 ORDER BY last LIMIT ?3)",
      ),
      around: db.prepare(
        "SELECT last, first, size FROM runs WHERE topic = ? AND last > ? ORDER BY last LIMIT 1",
      ),
      texts: db.prepare(
        "SELECT bodies, attributes, (SELECT name FROM topics WHERE id = topic) AS name " +
          "FROM runs WHERE last = ?",
      ),
    };
  }

  /** The size of the messages after one number and up to another; they must be there. */
  sizeBetween(after: number, upTo: number): number {
    const row = upTo - after < READ_AHEAD.max ? this.#next(after) : undefined;
    if (!row) {
      const [{ size }] = this.#sql.total.all(after, upTo) as [{ size: number }];
      return size - this.#partialSize(after) + this.#partialSize(upTo);
    }
    let size = -this.#partialSize(after);
    for (let next: SegmentSize | undefined = row; next && next.last <= upTo;) {
      size += next.size;
      next = this.#next(next.last);
    }
    return size + this.#partialSize(upTo);
  }

  /** The size of the messages of a topic after one number and up to another. */
  sizeOfTopic(id: number, after: number, upTo: number): number {
    if (upTo <= after) return 0;
    return this.#topicSizeUpTo(id, after, upTo) - this.#topicSizeUpTo(id, after, after);
  }

  /** How many messages of a topic up to a number share a row with later ones, and their size. */
  splitRow(id: number, upTo: number): { readonly messages: number; readonly bytes: number } {
    const [row] = this.#sql.around.all(id, upTo) as [SegmentSize?];
    if (!row || row.first > upTo) return { messages: 0, bytes: 0 };
    return { messages: upTo - row.first + 1, bytes: this.#sums(row)[upTo - row.first]! };
  }

  /**
   * Adds up all rows, in one pass: to go from topic to topic takes ten times as long, and to have SQLite sort all rows may
   * take room on the disk.
   *
   * @param floor messages up to here are gone
   * @returns the size of the messages after the floor, and that of all messages of each topic in the table, by its id
   */
  addUp(floor: number): { readonly total: number; readonly ofTopics: Map<number, number> } {
    const ofTopics = new Map<number, number>();
    let total = -this.#partialSize(floor);
    for (let after = 0;;) {
      const [{ last, ...lists }] = this.#sql.chunk.all(after, floor, CHUNK_ROWS) as [
        { last: number | null; topics: string; sizes: string; unexpired: number },
      ];
      if (last === null) return { total, ofTopics };
      const topics = JSON.parse(lists.topics) as number[];
      const sizes = JSON.parse(lists.sizes) as number[];
      for (let i = 0; i < topics.length; i++) {
        ofTopics.set(topics[i]!, (ofTopics.get(topics[i]!) ?? 0) + sizes[i]!);
      }
      total += lists.unexpired;
      after = last;
    }
  }

  /** The size of the messages of a topic in rows that end after a number, up to a number at or above that. */
  #topicSizeUpTo(id: number, after: number, upTo: number): number {
    const [{ size }] = this.#sql.ofTopic.all(id, after, upTo) as [{ size: number }];
    const [row] = this.#sql.around.all(id, upTo) as [SegmentSize?];
    return size + (row && row.first <= upTo ? this.#sums(row)[upTo - row.first]! : 0);
  }

  /**
   * The number up to which the messages after another one have a total size, or the last message, and what is missing
   * then.
   */
  seqCovering(after: number, wanted: number): { readonly upTo: number; readonly missing: number } {
    if (wanted <= 0) return { upTo: after, missing: 0 };
    // From here on, the size counts from where the first row begins.
    let [upTo, missing] = [after, wanted + this.#partialSize(after)];
    // Not all that is missing: what is purged behind it has no size, and may be in rows of their own.
    for (let chunk; missing > SKIP.bytes && (chunk = this.#sizeOfMany(upTo)).size < missing;) {
      [upTo, missing] = [chunk.last, missing - chunk.size];
    }
    while (missing > 0) {
      const row = this.#next(upTo);
      if (!row) break;
      if (row.size > missing && row.first < row.last) {
        const i = this.#sums(row).findIndex((sum) => sum >= missing);
        return { upTo: row.first + i, missing: 0 };
      }
      [upTo, missing] = [row.last, missing - row.size];
    }
    return { upTo, missing: Math.max(0, missing) };
  }

  /** Whether there are rows of which no message comes after a number. */
  anyEndBy(upTo: number): boolean {
    this.#firstEnd ??= (this.#sql.next.all(0, 1) as [SegmentSize?])[0]?.last ?? Infinity;
    return this.#firstEnd <= upTo;
  }

  /** Rows were added at the end or deleted at the beginning. */
  rowsChanged(): void {
    this.#firstEnd = undefined;
  }

  /** Rows were undone: forgets what is remembered of them. */
  rolledBack(): void {
    this.#row = this.#firstEnd = undefined;
    this.#readAhead = [];
  }

  /** Where many rows after a number end, or the last one, and their size; more than anything if there are none. */
  #sizeOfMany(after: number): { readonly last: number; readonly size: number } {
    const [{ last, size }] = this.#sql.many.all(after, SKIP.rows) as [
      { last: number; size: number | null },
    ];
    return { last, size: size ?? Infinity };
  }

  /** The size of the messages up to a number that share a row with the next one. */
  #partialSize(upTo: number): number {
    const row = this.#next(upTo);
    // The row of purged messages has no size.
    return row && row.size > 0 && row.first <= upTo ? this.#sums(row)[upTo - row.first]! : 0;
  }

  #sums(row: SegmentSize): readonly number[] {
    if (this.#row?.first === row.first) return this.#row.sums;
    const [{ name, ...texts }] = this.#sql.texts.all(row.last) as [
      Pick<SegmentRow, "bodies" | "attributes"> & { readonly name: string },
    ];
    let sum = 0;
    const sums = rowSizes(texts, name).map((size) => sum += size);
    this.#row = { ...row, sums };
    return sums;
  }

  /** The first row that ends after a number. */
  #next(after: number): SegmentSize | undefined {
    const found = this.#readAhead[this.#index];
    // Usually it is the same row as before, or the next one.
    if (found && after >= found.first - 1) {
      if (after < found.last) return found;
      const next = this.#readAhead[this.#index + 1];
      if (next && after < next.last) return this.#index++, next;
    }
    const continues = after === this.#readAhead.at(-1)?.last;
    const count = continues
      ? Math.min(READ_AHEAD.max, 4 * this.#readAhead.length)
      : READ_AHEAD.first;
    this.#readAhead = this.#sql.next.all(after, count) as SegmentSize[];
    this.#index = 0;
    return this.#readAhead[0];
  }
}
