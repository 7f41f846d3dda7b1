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
 * What is selected of rows to get a chunk. A large row is an empty text: it is read when it is known that it is needed. What
 * most rows do not have is only counted.
 */
export const CHUNK_COLUMNS = "count(*) AS rows, group_concat(last) AS lasts, " +
  `group_concat(topic) AS topics, group_concat(times, '${TIME_SEPARATOR}') AS times, ` +
  `group_concat(CASE WHEN octet_length(bodies) <= ${SEGMENT_BYTES} THEN bodies ELSE '' END, char(30)) ` +
  "AS bodies, sum(octet_length(bodies)) AS bytes, sum(last - first) AS later, count(attributes) AS attributed";

/** The rows of a chunk, in lists of the same order. */
export interface RowChunk {
  /** How many rows. Without any, the lists are `null`. */
  readonly rows: number;
  readonly lasts: string;
  /** The ids of their topics. */
  readonly topics: string;
  readonly times: string;
  readonly bodies: string;
  /** The length of all bodies, in bytes of UTF-8. */
  readonly bytes: number;
  /** How many messages are not the first one of their row. */
  readonly later: number;
  /** How many rows have attributes. */
  readonly attributed: number;
}

/** This many names of topics are remembered. */
const MAX_NAMES = 4096;

/** Decodes chunks. */
export class ChunkReader {
  readonly #segments: SegmentTable;
  readonly #sql: Record<"names" | "attributes" | "large" | "bodies", Statement>;
  /** Names of topics by their ids, which are never given again. */
  readonly #names = new Map<number, string>();

  /**
   * Prepares to read what a chunk does not have.
   *
   * @param db an open database that has the tables of messages and topics
   * @param segments the table of messages
   */
  constructor(db: Database, segments: SegmentTable) {
    this.#segments = segments;
    const listed = "FROM json_each(?) CROSS JOIN runs ON last = value";
    this.#sql = {
      names: db.prepare(
        "SELECT json_group_array(topics.id) AS ids, json_group_array(name) AS names " +
          "FROM json_each(?) CROSS JOIN topics ON topics.id = value",
      ),
      attributes: db.prepare(
        `SELECT group_concat(coalesce(attributes, ''), char(30)) AS attributes ${listed}`,
      ),
      large: db.prepare("SELECT first, octet_length(bodies) AS bytes FROM runs WHERE last = ?"),
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
    const topics: number[] = JSON.parse(`[${chunk.topics}]`);
    this.#findNames(topics);
    const bodies = chunk.bodies.split(TEXT_SEPARATOR);
    // A separator is a byte. If there are large rows, which are not in the text, this does not hold.
    const isAscii = chunk.bytes + chunk.rows - 1 === chunk.bodies.length;
    const sizeOf = (text: string) => isAscii ? text.length : utf8Length(text);
    if (chunk.later === 0 && chunk.attributed === 0) {
      const times: number[] = JSON.parse(`[${chunk.times.replaceAll(TIME_SEPARATOR, ",")}]`);
      for (let i = 0; i < lasts.length && !page.isFull; i++) {
        const [seq, topic, time, body] = [lasts[i]!, topics[i]!, times[i]!, bodies[i]!];
        if (body === "") this.#takeLarge(seq, topic, `${time}`, null, page);
        else page.takeOne({ seq, time, topic: this.#nameOf(topic), body, bytes: sizeOf(body) });
      }
      return chunk.bytes;
    }
    const times = chunk.times.split(TIME_SEPARATOR);
    const listed = chunk.attributed === 0 ? "" : this.#attributesOf(chunk.lasts);
    const attributes = listed.split(TEXT_SEPARATOR);
    for (let i = 0; i < lasts.length && !page.isFull; i++) {
      const [last, topic, text] = [lasts[i]!, topics[i]!, bodies[i]!];
      const row = { last, times: times[i]!, attributes: attributes[i] || null, bodies: text };
      if (text === "") this.#takeLarge(last, topic, row.times, row.attributes, page);
      else {
        const first = last + 1 - countTexts(text);
        page.take(decodeRow({ ...row, first, bytes: sizeOf(text) }, this.#nameOf(topic)));
      }
    }
    return chunk.bytes + listed.length;
  }

  /** A large message is alone in its row, and is not read if there is no room for it. */
  #takeLarge(
    last: number,
    topic: number,
    times: string,
    attributes: string | null,
    page: PageFill,
  ): void {
    const { largeRows } = this.#segments;
    const [{ first, bytes }] = this.#sql.large.all(last) as [{ first: number; bytes: number }];
    if (!page.fits(bytes)) return;
    const known = largeRows.find(last);
    if (known) return page.takeOne(known);
    const [{ bodies }] = this.#sql.bodies.all(last) as [{ bodies: string }];
    const messages = decodeRow(
      { first, last, times, bodies, attributes, bytes },
      this.#nameOf(topic),
    );
    largeRows.record(topic, messages);
    page.take(messages);
  }

  #attributesOf(lasts: string): string {
    const [{ attributes }] = this.#sql.attributes.all(`[${lasts}]`) as [{ attributes: string }];
    return attributes;
  }

  /** The name of a topic that was looked up. */
  #nameOf(id: number): string {
    return this.#names.get(id)!;
  }

  #findNames(ids: readonly number[]): void {
    let missing = new Set(ids.filter((id) => !this.#names.has(id)));
    if (missing.size === 0) return;
    if (this.#names.size + missing.size > MAX_NAMES) {
      this.#names.clear();
      missing = new Set(ids);
    }
    const [found] = this.#sql.names.all(JSON.stringify([...missing])) as [
      { ids: string; names: string },
    ];
    const names: string[] = JSON.parse(found.names);
    for (const [i, id] of (JSON.parse(found.ids) as number[]).entries()) {
      this.#names.set(id, names[i]!);
    }
  }
}
