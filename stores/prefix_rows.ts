/**
 * The rows of all topics that begin with a prefix.
 *
 * @module
 */

import type { Database, Statement } from "./engine.ts";
import { MergedRows, type TopicHead } from "./merged_rows.ts";
import type { PageFill } from "./page_fill.ts";
import { prefixEnd, withPrefix } from "./prefix_range.ts";
import { CHUNK_COLUMNS, ChunkReader, type RowChunk } from "./row_chunk.ts";
import { SEGMENT_BYTES } from "./segment_row.ts";
import type { SegmentTable } from "./segment_table.ts";

/** The rows of up to this many topics are looked up topic by topic. */
const MERGED_TOPICS = 1024;

/** To look up the next row of a topic takes as long as to pass over this many rows, or so many bytes of them. */
const LOOKUP = { rows: 10, bytes: 1500 };

/** One page passes over at most this many rows, and so many bytes of them. */
const SCAN = { rows: 16_384, bytes: 8 * 1024 * 1024 };

/** How much of a row lies where it is passed over, in bytes: its other columns and its bodies, of which SQLite puts the rest elsewhere. */
const PASSED = { columns: 100, bodies: 4096 };

/** How many rows are looked through at once, at first; each time it is four times as many. */
const FIRST_WINDOW = 256;

/** How much is read at once at most, in bytes, if all rows are as large as the largest one. */
const MAX_CHUNK = 8 * 1024 * 1024;

/**
 * Reads rows in the order of the store. It passes over the rows of all topics as long as that takes no longer than to
 * look up the next row of each topic that begins with the prefix, and each row found; then it looks these up, unless there
 * are very many topics. So ten topics among very many are found at once, very many are read like one, and no page takes
 * long.
 */
export class PrefixRows {
  readonly #segments: SegmentTable;
  readonly #reader: ChunkReader;
  readonly #sql: Record<
    | "count"
    | "scan"
    | "heads"
    | "next"
    | "load"
    | "around"
    | "newest"
    | "before"
    | "start",
    Statement
  >;

  /**
   * Prepares to read.
   *
   * @param db an open database that has the tables of messages and topics
   * @param segments the table of messages
   */
  constructor(db: Database, segments: SegmentTable) {
    this.#segments = segments;
    this.#reader = new ChunkReader(db, segments);
    // CROSS JOIN: SQLite keeps the order of the tables, so that lists are in that of the rows.
    const named = "runs CROSS JOIN topics ON topics.id = runs.topic";
    const nextOf = "SELECT last FROM runs WHERE topic = id AND last > ?3 ORDER BY last LIMIT 1";
    const newestOf =
      "SELECT last FROM runs WHERE topic = id AND last <= ?3 ORDER BY last DESC LIMIT 1";
    this.#sql = {
      count: db.prepare(
        `SELECT count(*) AS n FROM (SELECT 1 FROM topics WHERE ${withPrefix("name")} LIMIT ?3)`,
      ),
      scan: db.prepare(
        `SELECT ${CHUNK_COLUMNS} FROM ${named} WHERE last > ?3 AND last <= ?4 AND ${
          withPrefix("name")
        }`,
      ),
      heads: db.prepare(
        `SELECT id, (${nextOf}) AS last FROM topics WHERE ${withPrefix("name")} LIMIT ?4`,
      ),
      next: db.prepare("SELECT last FROM runs WHERE topic = ? AND last > ? ORDER BY last LIMIT ?"),
      load: db.prepare(
        `SELECT ${CHUNK_COLUMNS} FROM json_each(?) CROSS JOIN runs ON last = value ` +
          "CROSS JOIN topics ON topics.id = runs.topic",
      ),
      around: db.prepare(
        "SELECT first FROM (SELECT first, topic FROM runs WHERE last >= ?3 ORDER BY last LIMIT 1) " +
          `CROSS JOIN topics ON id = topic WHERE ${withPrefix("name")}`,
      ),
      newest: db.prepare(
        `SELECT max(last) AS last FROM (SELECT (${newestOf}) AS last FROM topics WHERE ${
          withPrefix("name")
        })`,
      ),
      before: db.prepare(
        `SELECT last FROM ${named} WHERE last <= ?3 AND last > ?4 AND ${withPrefix("name")} ` +
          "ORDER BY last DESC LIMIT 1",
      ),
      start: db.prepare(
        "SELECT last FROM runs WHERE last <= ? ORDER BY last DESC LIMIT 1 OFFSET ?",
      ),
    };
  }

  /**
   * Reads messages into a page.
   *
   * @param prefix of the topics
   * @param after only messages with a larger number
   * @param upTo the last message in the table
   * @param page takes the messages
   * @returns how far all is read: up to the last message of the page if that is full; else up to `upTo`, or where others go first
   */
  read(prefix: string, after: number, upTo: number, page: PageFill): number {
    const range = [prefix, prefixEnd(prefix)] as const;
    const topics = this.#count(range);
    if (topics === 0) return upTo;
    const isMerged = topics <= MERGED_TOPICS;
    const through = this.#scan(range, after, upTo, isMerged ? topics : Infinity, page);
    if (page.isFull || through >= upTo || !isMerged) return through;
    return this.#merge(range, through, upTo, page);
  }

  /**
   * The newest message up to a number.
   *
   * @param prefix of its topic
   * @param after only a message with a larger number is of interest
   * @param upTo up to this number
   * @returns it, or a later one if that is not found in a short time; `undefined` if there is none
   */
  newestUpTo(prefix: string, after: number, upTo: number): number | undefined {
    const range = [prefix, prefixEnd(prefix)] as const;
    const topics = this.#count(range);
    if (topics === 0) return undefined;
    // A row that also holds later messages holds the one with that very number.
    const [around] = this.#sql.around.all(...range, upTo) as [{ first: number }?];
    if (around && around.first <= upTo) return upTo;
    let found: { readonly last: number | null } | undefined;
    if (topics <= MERGED_TOPICS) {
      [found] = this.#sql.newest.all(...range, upTo) as [{ last: number | null }?];
    } else {
      const [start] = this.#sql.start.all(upTo, this.#rowsOf(SCAN)) as [{ last: number }?];
      const from = Math.max(after, start?.last ?? 0);
      [found] = this.#sql.before.all(...range, upTo, from) as [{ last: number }?];
      // It may lie before that.
      if (!found && from > after) found = start;
    }
    const last = found?.last ?? 0;
    return last > after ? last : undefined;
  }

  /** How many rows take no more than that, whatever their size. */
  #rowsOf({ rows, bytes }: { readonly rows: number; readonly bytes: number }): number {
    const largest = PASSED.columns + Math.min(PASSED.bodies, this.#segments.largestBytes);
    return Math.max(1, Math.min(rows, Math.floor(bytes / largest)));
  }

  /** How many topics there are, or more than are merged. */
  #count(range: readonly [string, string]): number {
    const [{ n }] = this.#sql.count.all(...range, MERGED_TOPICS + 1) as [{ n: number }];
    return n;
  }

  /**
   * Passes over rows as long as that takes no longer than to look up a row of so many topics, and each row found; returns
   * how far.
   */
  #scan(
    range: readonly [string, string],
    after: number,
    upTo: number,
    topics: number,
    page: PageFill,
  ): number {
    const chunks = new Chunks(page, this.#segments.largestBytes);
    const [scanned, perLookup] = [this.#rowsOf(SCAN), this.#rowsOf(LOOKUP)];
    let [through, passed] = [after, 0];
    for (let size = FIRST_WINDOW; through < upTo; size *= 4) {
      const max = Math.min(scanned, perLookup * (topics + chunks.rows));
      const window = Math.min(size, max - passed);
      if (window <= 0) break;
      passed += window;
      const end = Math.min(upTo, this.#segments.endOf(through, window));
      while (through < end) {
        const to = Math.min(end, this.#segments.endOf(through, chunks.size));
        const [found] = this.#sql.scan.all(...range, through, to) as [RowChunk];
        this.#take(found, page, chunks);
        if (page.isFull) return page.messages.at(-1)!.seq;
        through = to;
      }
    }
    return through;
  }

  /** Merges the rows of all topics. */
  #merge(
    range: readonly [string, string],
    after: number,
    upTo: number,
    page: PageFill,
  ): number {
    const heads = this.#sql.heads.all(...range, after, MERGED_TOPICS) as TopicHead[];
    const merged = new MergedRows(
      heads,
      (id, from, limit) =>
        (this.#sql.next.all(id, from, limit) as { last: number }[]).map(({ last }) => last),
    );
    const chunks = new Chunks(page, this.#segments.largestBytes);
    for (let rows; (rows = merged.take(chunks.size)).length > 0;) {
      const [found] = this.#sql.load.all(JSON.stringify(rows)) as [RowChunk];
      this.#take(found, page, chunks);
      if (page.isFull) return page.messages.at(-1)!.seq;
    }
    return upTo;
  }

  #take(chunk: RowChunk, page: PageFill, chunks: Chunks): void {
    chunks.add(chunk.rows, this.#reader.take(chunk, page));
  }
}

/** How many rows are read at once: about as many as there is room for, by the size of those before. */
class Chunks {
  readonly #page: PageFill;
  readonly #largest: number;
  #rows = 0;
  #bytes = 0;

  /** No rows were read yet; none is larger than this, in bytes. */
  constructor(page: PageFill, largest: number) {
    this.#page = page;
    this.#largest = Math.max(1, Math.min(largest, SEGMENT_BYTES));
  }

  /** How many were read. */
  get rows(): number {
    return this.#rows;
  }

  /** How many to read next. */
  get size(): number {
    const { count, bytes } = this.#page;
    const average = this.#rows === 0 ? this.#largest : this.#bytes / this.#rows;
    const fitting = Math.ceil(bytes / Math.max(1, average));
    return Math.max(1, Math.min(count, fitting, Math.floor(MAX_CHUNK / this.#largest)));
  }

  /** Rows were read. */
  add(rows: number, bytes: number): void {
    this.#rows += rows;
    this.#bytes += bytes;
  }
}
