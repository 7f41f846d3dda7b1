/**
 * How messages of a topic are purged before they expire.
 *
 * @module
 */

import type { Database, Statement } from "./engine.ts";
import type { GoneIndex } from "./gone_index.ts";
import type { MessageIds } from "./message_ids.ts";
import type { PurgeResult } from "./store.ts";
import { decodeRow, NO_TOPIC, segmentAt, type SegmentRow } from "./segment_row.ts";
import type { SegmentSizes } from "./segment_sizes.ts";
import type { SegmentTable } from "./segment_table.ts";
import type { SeqRange } from "./seq_range.ts";
import type { StoredBytes } from "./stored_bytes.ts";
import type { TopicTable } from "./topic_table.ts";

/** The messages of a store. */
export interface PurgedLog {
  readonly segments: SegmentTable;
  readonly segmentSizes: SegmentSizes;
  readonly topics: TopicTable;
  readonly gone: GoneIndex;
  readonly range: SeqRange;
  readonly storedBytes: StoredBytes;
  readonly ids: MessageIds;
  /** See {@linkcode MessageLog.writtenBytes}. */
  writtenBytes: number;
  /** Moves the buffer into the database. */
  flush(): void;
  /** Runs work in a transaction. If it fails, nothing of it has happened. */
  transaction(work: () => void): void;
}

/** How much of a database a row changes at most, in bytes of pages, besides what it holds. */
const ROW_BYTES = 2 * 4096;

/** So much goes at a time at most, in stored bytes, unless a single message is larger: that takes some 20 milliseconds. */
const MAX_PURGED_BYTES = 1024 * 1024;

/** The rows that are looked at together: few, since large ones need no more. */
const ROWS = 256;

/** What was erased. */
interface ErasedRows {
  readonly rows: number;
  readonly messages: number;
  /** What these counted; see `storedSize`. */
  readonly bytes: number;
  /** How many of them had not expired. */
  readonly live: number;
}

interface Row extends SegmentRow {
  readonly size: number;
}

/**
 * Empties rows of the table of messages: they stay without a topic, a size and a text, so that the numbers in the table have no gaps,
 * and each has its time.
 */
export class RowEraser {
  readonly #sql: Record<"around" | "count" | "attributed" | "empty" | "delete", Statement>;
  readonly #insertRow: (row: SegmentRow & { readonly size: number }, id: number) => void;

  /** Prepares to change a database. */
  constructor(db: Database) {
    const insert = db.prepare(
      "INSERT INTO runs (last, first, topic, size, times, bodies, attributes) " +
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
    );
    this.#insertRow = ({ last, first, size, times, bodies, attributes }, id) =>
      void insert.run(last, first, id, size, times, bodies, attributes);
    this.#sql = {
      around: db.prepare(
        "SELECT *, octet_length(bodies) AS bytes FROM runs WHERE topic = ? AND last > ? ORDER BY last LIMIT 1",
      ),
      count: db.prepare(
        "SELECT count(*) AS rows, coalesce(sum(last - first + 1), 0) AS messages, " +
          "coalesce(sum(size), 0) AS bytes, coalesce(sum(max(0, last - max(first - 1, ?))), 0) AS live " +
          "FROM runs WHERE topic = ? AND last <= ?",
      ),
      attributed: db.prepare(
        "SELECT first, last FROM runs WHERE topic = ? AND last <= ? AND attributes IS NOT NULL",
      ),
      empty: db.prepare(
        `UPDATE runs SET topic = ${NO_TOPIC}, size = 0, bodies = '', attributes = NULL WHERE topic = ? AND last <= ?`,
      ),
      delete: db.prepare("DELETE FROM runs WHERE last = ?"),
    };
  }

  /**
   * Empties the rows of a topic up to a message. A row that holds both that and later ones becomes two.
   *
   * @param topic its name
   * @param id its id
   * @param through the last message that goes
   * @param floor up to this number messages count as expired
   * @param onAttributed gets the numbers of rows with attributes
   * @returns how many rows and messages these were, what the messages counted, and how many had not expired
   */
  empty(
    topic: string,
    id: number,
    through: number,
    floor: number,
    onAttributed: (first: number, last: number) => void,
  ): ErasedRows {
    this.#split(topic, id, through);
    const [counts] = this.#sql.count.all(floor, id, through) as [
      ErasedRows,
    ];
    for (const { first, last } of this.#sql.attributed.all(id, through) as Row[]) {
      onAttributed(first, last);
    }
    this.#sql.empty.run(id, through);
    return counts;
  }

  #split(topic: string, id: number, at: number): void {
    const [row] = this.#sql.around.all(id, at) as [Row?];
    if (!row || row.first > at) return;
    const messages = decodeRow(row, topic);
    const count = at - row.first + 1;
    this.#sql.delete.run(row.last);
    this.#insertRow(segmentAt(messages.slice(0, count), 0), id);
    this.#insertRow(segmentAt(messages.slice(count), 0), id);
  }
}

/** Purges topics. What is purged stays in the table as empty rows until it would have expired. */
export class TopicPurge {
  readonly #log: PurgedLog;
  readonly #rows: Statement;
  readonly #eraser: RowEraser;

  /**
   * Looks at a table.
   *
   * @param db an open database
   * @param log the messages in it, and in its buffer
   */
  constructor(db: Database, log: PurgedLog) {
    this.#log = log;
    this.#rows = db.prepare(
      "SELECT last, first, size FROM runs WHERE topic = ? AND last > ? ORDER BY last LIMIT ?",
    );
    this.#eraser = new RowEraser(db);
  }

  /**
   * Purges messages of a topic, the oldest first.
   *
   * @param topic its name
   * @param upTo the last message that goes
   * @param max at most this many messages go, and fewer if they are large
   * @param time the store's time
   * @returns what it has done
   * @throws {Error} if it has done nothing
   */
  purge(topic: string, upTo: number, max: number, time: number): Omit<PurgeResult, "end"> {
    // Before the transaction: to undo that must not undo what was stored before it, and is not in the buffer any more.
    this.#log.flush();
    let result = { purged: 0, more: false };
    this.#log.transaction(() => {
      result = this.#purge(topic, upTo, max, time);
    });
    return result;
  }

  #purge(topic: string, upTo: number, max: number, time: number): Omit<PurgeResult, "end"> {
    const { segments, segmentSizes, topics, gone, range, storedBytes, ids } = this.#log;
    const { floor } = range;
    const id = topics.find(topic, 0);
    const newest = id === undefined ? undefined : segments.newestUpTo(id, upTo);
    if (id === undefined || !newest) return { purged: 0, more: false };
    storedBytes.subtractUpTo(floor);
    const through = this.#end(id, floor, upTo, max);
    // Some may be left for now: readers are told of each part as it goes.
    const last = segments.newestUpTo(id, through)!;
    const bytes = segmentSizes.sizeOfTopic(id, floor, through);
    const onAttributed = (first: number, last: number) => ids.delete(first, last);
    const erased = this.#eraser.empty(topic, id, through, floor, onAttributed);
    topics.purged(topic, erased.messages, erased.bytes, through);
    storedBytes.total -= bytes;
    segments.rolledBack();
    segmentSizes.rolledBack();
    if (erased.live > 0) gone.recordPurge(topic, last.seq, time);
    else gone.record([{ topic, ...last }]);
    this.#log.writtenBytes += bytes + ROW_BYTES * erased.rows;
    return { purged: erased.live, more: through < newest.seq };
  }

  /**
   * The last message of so many, or of so many bytes; what has expired goes as well, and counts for nothing. Which messages share a row
   * decides nothing: it depends on when they were written.
   */
  #end(id: number, floor: number, upTo: number, max: number): number {
    const { segmentSizes } = this.#log;
    let [left, after, more] = [max, floor, true];
    // From here on, the size counts from where the first row begins.
    let room = MAX_PURGED_BYTES + segmentSizes.splitRow(id, floor).bytes;
    while (more) {
      const rows = this.#rows.all(id, after, ROWS) as Row[];
      for (const { last, first, size } of rows) {
        const from = Math.max(first, floor + 1);
        if (from > upTo) return upTo;
        const covers = size < room ? Infinity : this.#seqCovering(id, from, last, room);
        const end = Math.min(upTo, from + left - 1, covers);
        if (end <= last) return end;
        left -= last - from + 1;
        room -= size;
        after = last;
      }
      more = rows.length === ROWS;
    }
    return upTo;
  }

  /** The first message from one to the last of its row with which the row has a size. */
  #seqCovering(id: number, from: number, last: number, size: number): number {
    let [low, high] = [from, last];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#log.segmentSizes.splitRow(id, middle).bytes < size) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
