/**
 * Very many rows of the table of messages as one row of lists: to make an object with several columns of each takes SQLite's
 * engines five times as long as to step over it.
 *
 * @module
 */

import { utf8Length } from "../protocol/text.ts";
import type { Database, Statement } from "./engine.ts";
import type { PageFill } from "./page_fill.ts";
import { countTexts, decodeRow, SEGMENT_BYTES } from "./segment_row.ts";
import type { SegmentTable } from "./segment_table.ts";

/** Separates rows in a list of texts, and in one of times. Like a line break, it is in no JSON encoding. */
const [TEXT_SEPARATOR, TIME_SEPARATOR] = ["\x1e", " "];

/**
 * What is selected of rows, joined with their topics, to get a chunk. A large row is an empty text: it is read when it is
 * known that it is needed. What most rows do not have is only counted.
 *
 * `|| ''` makes plain text of what SQLite marks as JSON, which `@db/sqlite` would parse.
 */
export const CHUNK_COLUMNS = "count(*) AS rows, group_concat(last) || '' AS lasts, " +
  `json_group_array(name) || '' AS names, group_concat(times, '${TIME_SEPARATOR}') || '' AS times, ` +
  `group_concat(CASE WHEN octet_length(bodies) <= ${SEGMENT_BYTES} THEN bodies ELSE '' END, char(30)) || '' ` +
  "AS bodies, sum(octet_length(bodies)) AS bytes, sum(last - first) AS later, count(attributes) AS attributed";

/** The rows of a chunk, in lists of the same order. */
export interface RowChunk {
  /** How many rows. Without any, the lists are `null`. */
  readonly rows: number;
  readonly lasts: string;
  /** The names of their topics. */
  readonly names: string;
  readonly times: string;
  readonly bodies: string;
  /** The length of all bodies, in bytes of UTF-8. */
  readonly bytes: number;
  /** How many messages are not the first one of their row. */
  readonly later: number;
  /** How many rows have attributes. */
  readonly attributed: number;
}

/** Decodes chunks. */
export class ChunkReader {
  readonly #segments: SegmentTable;
  readonly #sql: Record<"attributes" | "large" | "bodies", Statement>;

  /**
   * Prepares to read what a chunk does not have.
   *
   * @param db an open database that has the table of messages
   * @param segments the table of messages
   */
  constructor(db: Database, segments: SegmentTable) {
    this.#segments = segments;
    const listed = "FROM json_each(?) CROSS JOIN runs ON last = value";
    this.#sql = {
      attributes: db.prepare(
        `SELECT group_concat(coalesce(attributes, ''), char(30)) || '' AS attributes ${listed}`,
      ),
      large: db.prepare(
        "SELECT first, topic AS id, octet_length(bodies) AS bytes FROM runs WHERE last = ?",
      ),
      bodies: db.prepare("SELECT bodies FROM runs WHERE last = ?"),
    };
  }

  /**
   * Reads the messages of a chunk into a page, as far as they fit.
   *
   * @param chunk the rows, in the order of the store
   * @param page takes the messages
   * @returns how much it has read, in bytes, or characters of attributes
   */
  take(chunk: RowChunk, page: PageFill): number {
    if (chunk.rows === 0) return 0;
    const lasts: number[] = JSON.parse(`[${chunk.lasts}]`);
    const names: string[] = JSON.parse(chunk.names);
    const bodies = chunk.bodies.split(TEXT_SEPARATOR);
    // A separator is a byte. If there are large rows, which are not in the text, this does not hold.
    const isAscii = chunk.bytes + chunk.rows - 1 === chunk.bodies.length;
    const sizeOf = (text: string) => isAscii ? text.length : utf8Length(text);
    if (chunk.later === 0 && chunk.attributed === 0) {
      const times: number[] = JSON.parse(`[${chunk.times.replaceAll(TIME_SEPARATOR, ",")}]`);
      for (let i = 0; i < lasts.length && !page.isFull; i++) {
        const [seq, topic, time, body] = [lasts[i]!, names[i]!, times[i]!, bodies[i]!];
        if (body === "") this.#takeLarge(seq, topic, `${time}`, null, page);
        else page.takeOne({ seq, time, topic, body, bytes: sizeOf(body) });
      }
      return chunk.bytes;
    }
    const times = chunk.times.split(TIME_SEPARATOR);
    const listed = chunk.attributed === 0 ? "" : this.#attributesOf(chunk.lasts);
    const attributes = listed.split(TEXT_SEPARATOR);
    for (let i = 0; i < lasts.length && !page.isFull; i++) {
      const [last, topic, text] = [lasts[i]!, names[i]!, bodies[i]!];
      const row = { last, times: times[i]!, attributes: attributes[i] || null, bodies: text };
      if (text === "") this.#takeLarge(last, topic, row.times, row.attributes, page);
      else {
        const first = last + 1 - countTexts(text);
        page.take(decodeRow({ ...row, first, bytes: sizeOf(text) }, topic));
      }
    }
    return chunk.bytes + listed.length;
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

  #attributesOf(lasts: string): string {
    const [{ attributes }] = this.#sql.attributes.all(`[${lasts}]`) as [{ attributes: string }];
    return attributes;
  }
}
