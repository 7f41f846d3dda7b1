/**
 * Very many rows of the table of messages as one row of lists: to make an object with several columns of each takes SQLite's
 * engines five times as long as to step over it.
 *
 * @module
 */

import { utf8Length } from "../protocol/text.ts";
import type { Database, Statement } from "./engine.ts";
import type { PageFill } from "./page_fill.ts";
import { withPrefix } from "./prefix_range.ts";
import { countTexts, decodeRow, holdsSeveral, SEGMENT_BYTES } from "./segment_row.ts";
import type { SegmentTable } from "./segment_table.ts";

/** Separates rows in a list of texts, and in one of times of several messages. Like a line break, the first is in no JSON. */
const [TEXT_SEPARATOR, TIME_SEPARATOR] = ["\x1e", " "];

/** A large row is an empty text: it is read when it is known that it is needed. */
const BODIES =
  `group_concat(CASE WHEN octet_length(bodies) <= ${SEGMENT_BYTES} THEN bodies ELSE '' END, char(30))`;

/**
 * What is selected of rows to get a chunk. Each list costs time for each row: there are no others than most rows need.
 *
 * `|| ''` makes plain text of what SQLite marks as JSON, which `@db/sqlite` would parse.
 */
const COLUMNS = `group_concat(times) || '' AS times, ${BODIES} || '' AS bodies, ` +
  `octet_length(${BODIES}) AS bytes, count(attributes) AS attributed`;

/** The same of rows that are joined with their topics. */
const NAMED_COLUMNS =
  `group_concat(last) || '' AS lasts, json_group_array(name) || '' AS names, ${COLUMNS}`;

/** About so many names of topics are kept: more than of which rows are read in this way. */
const MAX_NAMES = 4096;

/** How much is read at once at most, in bytes, if all rows are as large as the largest one. */
const MAX_CHUNK = 8 * 1024 * 1024;

/** The rows of a chunk, in lists of the same order; `null` without rows. */
interface RowChunk {
  readonly times: string | null;
  readonly bodies: string | null;
  /** The length of all bodies, in bytes of UTF-8. */
  readonly bytes: number;
  /** How many rows have attributes. */
  readonly attributed: number;
}

/** With the numbers of their last messages, and the names of their topics. */
interface NamedChunk extends RowChunk {
  readonly lasts: string;
  readonly names: string;
}

/** A topic in the tables. */
export type NamedTopic = { readonly id: number; readonly name: string };

/** Topics with the same beginning: this, and the first name after them. */
export type NameRange = readonly [prefix: string, end: string];

/** How much was read. */
export interface ChunkRead {
  readonly rows: number;
  /** In bytes, or characters of attributes. */
  readonly bytes: number;
}

/** Reads chunks into pages, as far as they fit. */
export class ChunkReader {
  readonly #segments: SegmentTable;
  readonly #sql: Record<
    "all" | "lasts" | "names" | "matching" | "merged" | "listed" | "details" | "large" | "bodies",
    Statement
  >;
  /** Names of topics by their ids, of which none is used twice: to join them with each row takes longer. */
  readonly #names = new Map<number, string>();

  /**
   * Prepares to read.
   *
   * @param db an open database that has the tables of messages and topics
   * @param segments the table of messages
   */
  constructor(db: Database, segments: SegmentTable) {
    this.#segments = segments;
    // CROSS JOIN: SQLite keeps the order of the tables, so that lists are in that of the rows.
    const named = "CROSS JOIN topics ON topics.id = runs.topic";
    const listed = "FROM json_each(?) CROSS JOIN runs ON last = value";
    const between = "last > ? AND last <= ?";
    this.#sql = {
      all: db.prepare(
        `SELECT group_concat(topic) || '' AS topics, ${COLUMNS} FROM runs WHERE ${between}`,
      ),
      lasts: db.prepare(`SELECT group_concat(last) || '' AS lasts FROM runs WHERE ${between}`),
      names: db.prepare(
        "SELECT id, name FROM topics WHERE id IN (SELECT value FROM json_each(?))",
      ),
      matching: db.prepare(
        `SELECT ${NAMED_COLUMNS} FROM runs ${named} WHERE last > ?3 AND last <= ?4 AND ${
          withPrefix("name")
        }`,
      ),
      merged: db.prepare(
        `SELECT ${NAMED_COLUMNS} FROM (SELECT last AS value, name FROM topics CROSS JOIN runs ` +
          `ON topic = id WHERE last > ?3 AND ${withPrefix("name")} ORDER BY last LIMIT -1) ` +
          "CROSS JOIN runs ON last = value",
      ),
      listed: db.prepare(`SELECT ${NAMED_COLUMNS} ${listed} ${named}`),
      details: db.prepare(
        `SELECT group_concat(times, '${TIME_SEPARATOR}') || '' AS times, ` +
          `group_concat(coalesce(attributes, ''), char(30)) || '' AS attributes ${listed}`,
      ),
      large: db.prepare(
        "SELECT first, topic AS id, octet_length(bodies) AS bytes FROM runs WHERE last = ?",
      ),
      bodies: db.prepare("SELECT bodies FROM runs WHERE last = ?"),
    };
  }

  /**
   * Reads all rows after a number and up to another, the last one of a row. To leave out few of many takes longer in SQLite.
   *
   * @param after only rows that end after it
   * @param upTo only rows that end there or before
   * @param prefix what the topics begin with that are wanted
   * @param areKnown the names of all of these were learned
   * @param page takes the messages
   * @returns how much it has read
   */
  all(after: number, upTo: number, prefix: string, areKnown: boolean, page: PageFill): ChunkRead {
    const [chunk] = this.#sql.all.all(after, upTo) as [RowChunk & { topics: string }];
    const ids = numbers(chunk.topics);
    if (!areKnown) this.#learnNames(ids);
    const topics = ids.map((id) => {
      const name = this.#names.get(id);
      return name?.startsWith(prefix) ? name : undefined;
    });
    let lasts: number[];
    // A row for each number: these need not be listed.
    if (topics.length === upTo - after) lasts = topics.map((_, i) => after + 1 + i);
    else {
      const [found] = this.#sql.lasts.all(after, upTo) as [{ lasts: string }];
      lasts = numbers(found.lasts);
    }
    return this.#take(chunk, lasts, topics, page);
  }

  /** The same of those rows that are of topics in a range. */
  matching(range: NameRange, after: number, upTo: number, page: PageFill): ChunkRead {
    return this.#takeNamed(this.#sql.matching.all(...range, after, upTo), page);
  }

  /** Reads all rows of topics in a range that end after a number, without a look at others. */
  merged(range: NameRange, after: number, page: PageFill): ChunkRead {
    return this.#takeNamed(this.#sql.merged.all(...range, after), page);
  }

  /** Reads the rows with these last messages, in this order. */
  listed(lasts: readonly number[], page: PageFill): ChunkRead {
    return this.#takeNamed(this.#sql.listed.all(JSON.stringify(lasts)), page);
  }

  /** Learns the names of topics that are known anyway. */
  learn(topics: readonly NamedTopic[]): void {
    if (this.#names.size > MAX_NAMES) this.#names.clear();
    for (const { id, name } of topics) this.#names.set(id, name);
  }

  #learnNames(ids: readonly number[]): void {
    // Rows whose messages are purged have no topic.
    let unseen = ids.filter((id) => id > 0 && !this.#names.has(id));
    if (unseen.length === 0) return;
    // All are forgotten then.
    if (this.#names.size > MAX_NAMES) unseen = ids.slice();
    this.learn(this.#sql.names.all(JSON.stringify(unseen)) as NamedTopic[]);
  }

  #takeNamed(found: unknown[], page: PageFill): ChunkRead {
    const [chunk] = found as [NamedChunk];
    return this.#take(chunk, numbers(chunk.lasts), JSON.parse(chunk.names), page);
  }

  /** Takes those rows of a chunk that have a topic. */
  #take(
    chunk: RowChunk,
    lasts: readonly number[],
    topics: readonly (string | undefined)[],
    page: PageFill,
  ): ChunkRead {
    const { times, bodies, bytes, attributed } = chunk;
    const rows = lasts.length;
    if (times === null || bodies === null) return { rows: 0, bytes: 0 };
    const texts = bodies.split(TEXT_SEPARATOR);
    const isAscii = bytes === bodies.length;
    const sizeOf = (text: string) => isAscii ? text.length : utf8Length(text);
    // Where a row of several messages is purged, it has no text, and still the times of all.
    const when = attributed === 0 && !holdsSeveral(bodies) ? numbers(times) : [];
    if (when.length === rows) {
      for (let i = 0; i < rows && !page.isFull; i++) {
        const [seq, topic, time, body] = [lasts[i]!, topics[i], when[i]!, texts[i]!];
        if (topic === undefined) continue;
        if (body === "") this.#takeLarge(seq, topic, `${time}`, null, page);
        else page.takeOne({ seq, time, topic, body, bytes: sizeOf(body) });
      }
      return { rows, bytes };
    }
    const details = this.#sql.details.all(JSON.stringify(lasts));
    const [listed] = details as [{ readonly times: string; readonly attributes: string }];
    const timesOf = listed.times.split(TIME_SEPARATOR);
    const attributes = listed.attributes.split(TEXT_SEPARATOR);
    for (let i = 0; i < rows && !page.isFull; i++) {
      const [last, topic, text] = [lasts[i]!, topics[i], texts[i]!];
      if (topic === undefined) continue;
      const row = { last, times: timesOf[i]!, attributes: attributes[i] || null, bodies: text };
      if (text === "") this.#takeLarge(last, topic, row.times, row.attributes, page);
      else {
        const first = last + 1 - countTexts(text);
        page.take(decodeRow({ ...row, first, bytes: sizeOf(text) }, topic));
      }
    }
    return { rows, bytes: bytes + listed.attributes.length };
  }

  /** A large message is alone in its row, and is not read if there is no room for it. */
  #takeLarge(
    last: number,
    topic: string,
    times: string,
    attributes: string | null,
    page: PageFill,
  ): void {
    const { largeRows } = this.#segments;
    const [{ first, id, bytes }] = this.#sql.large.all(last) as [
      { first: number; id: number; bytes: number },
    ];
    if (!page.fits(bytes)) return;
    const known = largeRows.find(last);
    if (known) return page.takeOne(known);
    const [{ bodies }] = this.#sql.bodies.all(last) as [{ bodies: string }];
    const messages = decodeRow({ first, last, times, bodies, attributes, bytes }, topic);
    largeRows.record(id, messages);
    page.take(messages);
  }
}

/** Reads a list of numbers. */
function numbers(list: string | null): number[] {
  return list === null ? [] : JSON.parse(`[${list}]`);
}

/** How many rows are read at once: about as many as there is room for, by the size of those before. */
export class Chunks {
  readonly #page: PageFill;
  readonly #largest: number;
  #rows = 0;
  #bytes = 0;
  /** Doubles as long as none is found: or a page with room for few would pass over rows one by one. */
  #stretch = 1;

  /**
   * No rows were read yet.
   *
   * @param page takes their messages
   * @param largest none is larger than this, in bytes
   */
  constructor(page: PageFill, largest: number) {
    this.#page = page;
    this.#largest = largest;
  }

  /** How many were read. */
  get rows(): number {
    return this.#rows;
  }

  /** How many to read next. */
  get size(): number {
    const fitting = this.messages(this.#rows === 0 ? undefined : this.#bytes / this.#rows);
    return Math.min(fitting * this.#stretch, this.#max);
  }

  /** How many messages to read next, in at most as many rows, if they have so many bytes each on average. */
  messages(average: number = this.#largest): number {
    const { count, bytes } = this.#page;
    const fitting = Math.ceil(bytes / Math.max(1, average));
    return Math.max(1, Math.min(count, fitting, this.#max));
  }

  get #max(): number {
    return Math.max(1, Math.floor(MAX_CHUNK / this.#largest));
  }

  /** Rows were read. */
  add({ rows, bytes }: ChunkRead): void {
    this.#rows += rows;
    this.#bytes += bytes;
    this.#stretch = rows === 0 ? 2 * this.#stretch : 1;
  }
}
