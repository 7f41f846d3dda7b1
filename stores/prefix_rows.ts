/**
 * The rows of all topics that begin with a prefix.
 *
 * @module
 */

import type { Database, Statement } from "./engine.ts";
import { MergedRows, type TopicHead } from "./merged_rows.ts";
import type { PageFill } from "./page_fill.ts";
import { prefixEnd, withPrefix } from "./prefix_range.ts";
import { ChunkReader, Chunks, type NamedTopic, type NameRange } from "./row_chunk.ts";
import { SEGMENT_BYTES } from "./segment_row.ts";
import type { SegmentTable } from "./segment_table.ts";
import type { TopicTable } from "./topic_table.ts";

/** Of up to this many topics it is looked up how many messages they have. */
const FEW_TOPICS = 32;

/** If few topics have no more than this all together, all is read at once; also if all of it fits into a page. */
const SMALL = { messages: 64, bytes: 128 * 1024 };

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

/** Few topics. */
interface FewTopics {
  readonly count: number;
  /** How many messages they have. */
  readonly messages: number;
  /** The newest of these. */
  readonly newest: number;
}

/**
 * Reads rows in the order of the store. It passes over the rows of all topics as long as that takes no longer than to
 * look up the next row of each topic that begins with the prefix, and each row found; then it looks these up, unless there
 * are very many topics. So ten topics among very many are found at once, very many are read like one, and no page takes
 * long. Where few topics have most of the messages, the others are read as well, and left out.
 */
export class PrefixRows {
  readonly #segments: SegmentTable;
  readonly #topics: TopicTable;
  readonly #reader: ChunkReader;
  readonly #sql: Record<
    "few" | "count" | "heads" | "next" | "around" | "newest" | "before" | "start",
    Statement
  >;
  /** How many bytes a message had that was read last. */
  #averageBytes: number | undefined;
  /** Of this prefix were most of the rows that were read last. */
  #densePrefix: string | undefined;

  /**
   * Prepares to read.
   *
   * @param db an open database that has the tables of messages and topics
   * @param segments the table of messages
   * @param topics the table of topics
   */
  constructor(db: Database, segments: SegmentTable, topics: TopicTable) {
    this.#segments = segments;
    this.#topics = topics;
    this.#reader = new ChunkReader(db, segments);
    const nextOf = "SELECT last FROM runs WHERE topic = id AND last > ?3 ORDER BY last LIMIT 1";
    const newestOf =
      "SELECT last FROM runs WHERE topic = id AND last <= ?3 ORDER BY last DESC LIMIT 1";
    this.#sql = {
      few: db.prepare(`SELECT id, name FROM topics WHERE ${withPrefix("name")} LIMIT ?3`),
      count: db.prepare(
        `SELECT count(*) AS n FROM (SELECT 1 FROM topics WHERE ${withPrefix("name")} LIMIT ?3)`,
      ),
      heads: db.prepare(
        `SELECT id, name, (${nextOf}) AS last FROM topics WHERE ${withPrefix("name")} LIMIT ?4`,
      ),
      next: db.prepare("SELECT last FROM runs WHERE topic = ? AND last > ? ORDER BY last LIMIT ?"),
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
        `SELECT last FROM runs CROSS JOIN topics ON topics.id = runs.topic WHERE last <= ?3 AND last > ?4 AND ${
          withPrefix("name")
        } ` +
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
    const few = this.#few(range);
    if (few) {
      if (few.newest <= after) return upTo;
      if (this.#isSmall(few, page)) {
        this.#reader.merged(range, after, page);
        return page.isFull ? page.messages.at(-1)!.seq : upTo;
      }
    }
    const topics = few?.count ?? this.#count(range);
    const isMerged = topics <= MERGED_TOPICS;
    const through = this.#scan(range, after, upTo, isMerged ? topics : Infinity, few, page);
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

  /** A row in a list has at most this many bytes. */
  get #largestListed(): number {
    return Math.max(1, Math.min(this.#segments.largestBytes, SEGMENT_BYTES));
  }

  /** The topics, if there are only few. */
  #few(range: NameRange): FewTopics | undefined {
    const found = this.#sql.few.all(...range, FEW_TOPICS + 1) as NamedTopic[];
    if (found.length > FEW_TOPICS) return undefined;
    this.#reader.learn(found);
    let [messages, newest] = [0, 0];
    for (const { name } of found) {
      const topic = this.#topics.get(name)!;
      messages += topic.messages;
      newest = Math.max(newest, topic.seq);
    }
    return { count: found.length, messages, newest };
  }

  #isSmall({ messages }: FewTopics, page: PageFill): boolean {
    return messages <= Math.max(SMALL.messages, page.count) &&
      messages * this.#largestListed <= Math.max(SMALL.bytes, page.bytes);
  }

  /** How many topics there are, or more than are merged. */
  #count(range: NameRange): number {
    const [{ n }] = this.#sql.count.all(...range, MERGED_TOPICS + 1) as [{ n: number }];
    return n;
  }

  /**
   * Passes over rows as long as that takes no longer than to look up a row of so many topics, and each row found; returns
   * how far.
   */
  #scan(
    range: NameRange,
    after: number,
    upTo: number,
    topics: number,
    few: FewTopics | undefined,
    page: PageFill,
  ): number {
    const chunks = new Chunks(page, this.#largestListed);
    const [scanned, perLookup] = [this.#rowsOf(SCAN), this.#rowsOf(LOOKUP)];
    let [through, passed, size] = [after, 0, FIRST_WINDOW];
    const [prefix] = range;
    // Of very many topics the names would have to be looked up again and again.
    const mayBeDense = topics <= MERGED_TOPICS;
    let isDense = few ? 2 * few.messages >= upTo - after : this.#densePrefix === prefix;
    while (through < upTo) {
      const before = page.messages.length;
      let end: number;
      if (isDense && mayBeDense) {
        this.#densePrefix = prefix;
        end = Math.min(upTo, this.#rowEnd(through + chunks.messages(this.#averageBytes)));
        const read = this.#reader.all(through, end, prefix, few !== undefined, page);
        chunks.add(read);
        this.#averageBytes = read.bytes / (end - through);
        if (page.isFull) return page.messages.at(-1)!.seq;
      } else {
        const max = Math.min(scanned, perLookup * (topics + chunks.rows));
        const window = Math.min(size, max - passed);
        if (window <= 0) break;
        passed += window;
        size *= 4;
        end = Math.min(upTo, this.#segments.endOf(through, window));
        for (let from = through; from < end;) {
          const to = Math.min(end, this.#segments.endOf(from, chunks.size));
          chunks.add(this.#reader.matching(range, from, to, page));
          if (page.isFull) return page.messages.at(-1)!.seq;
          from = to;
        }
      }
      isDense = 2 * (page.messages.length - before) >= end - through;
      if (!isDense) this.#densePrefix = undefined;
      through = end;
    }
    return through;
  }

  #rowEnd(seq: number): number {
    return this.#segments.rowEnd(seq) ?? Infinity;
  }

  /** Merges the rows of all topics. */
  #merge(range: NameRange, after: number, upTo: number, page: PageFill): number {
    const heads = this.#sql.heads.all(
      ...range,
      after,
      MERGED_TOPICS,
    ) as (Omit<TopicHead, "newest"> & { name: string })[];
    const merged = new MergedRows(
      heads.map((head) => ({ ...head, newest: this.#topics.get(head.name)!.seq })),
      (id, from, limit) =>
        (this.#sql.next.all(id, from, limit) as { last: number }[]).map(({ last }) => last),
    );
    const chunks = new Chunks(page, this.#largestListed);
    for (let rows; (rows = merged.take(chunks.size)).length > 0;) {
      chunks.add(this.#reader.listed(rows, page));
      if (page.isFull) return page.messages.at(-1)!.seq;
    }
    return upTo;
  }
}
