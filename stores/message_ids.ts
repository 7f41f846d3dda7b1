/**
 * Which messages were put with a `messageId`.
 *
 * @module
 */

import { encodedMessageId, hasMessageId } from "../protocol/attributes.ts";
import type { Database, Statement } from "./engine.ts";
import { splitAttributes } from "./segment_row.ts";
import type { Put, TopicMessage } from "./store.ts";
import type { TopicTable } from "./topic_table.ts";
import type { WriteBuffer } from "./write_buffer.ts";

/**
 * The id itself stays with its message, as part of its attributes: so it is erased with them. In the index it would leave
 * copies behind wherever SQLite moves it. Row 0 has the seed of the hash, so that nobody can make many ids with one hash.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS message_ids (
    seq INTEGER PRIMARY KEY,
    hash INTEGER NOT NULL,
    identity TEXT NOT NULL
  );
  CREATE INDEX IF NOT EXISTS message_ids_by_hash ON message_ids (hash, seq);
`;

/** How much of a database a row changes at most: a page here, and one of the index. */
const ROW_BYTES = 2 * 4096;

/** The messages that have the ids. */
export interface IdentifiedMessages {
  readonly buffer: WriteBuffer;
  readonly topics: TopicTable;
  /** See {@linkcode MessageLog.writtenBytes}. */
  writtenBytes: number;
}

/** What is needed of a put to find its message. */
export type IdentifiedPut = Pick<Put, "topic" | "attributes" | "identity">;

/**
 * A row for each message with an id, written when the message is stored, and deleted with it. Changes belong to the
 * transaction around them.
 */
export class MessageIds {
  readonly #log: IdentifiedMessages;
  readonly #seed: number;
  readonly #sql: Record<"find" | "row" | "owner" | "add" | "count" | "delete", Statement>;

  /**
   * Makes the table.
   *
   * @param db an open database that has the table of messages
   * @param log the messages in it, and in its buffer
   * @param seed see {@linkcode MessageLogOptions.seed}
   */
  constructor(
    db: Database,
    log: IdentifiedMessages,
    seed: number = crypto.getRandomValues(new Uint32Array(1))[0]!,
  ) {
    this.#log = log;
    db.exec(SCHEMA);
    this.#sql = {
      find: db.prepare(
        "SELECT seq FROM message_ids WHERE hash = ? AND seq > ? AND identity = ? ORDER BY seq DESC",
      ),
      row: db.prepare(
        "SELECT first, topic, attributes FROM runs WHERE last >= ? ORDER BY last LIMIT 1",
      ),
      owner: db.prepare("SELECT identity FROM message_ids WHERE seq = ?"),
      add: db.prepare("INSERT INTO message_ids VALUES (?, ?, ?)"),
      count: db.prepare("SELECT count(*) AS n FROM message_ids WHERE seq >= ? AND seq <= ?"),
      delete: db.prepare("DELETE FROM message_ids WHERE seq >= ? AND seq <= ?"),
    };
    const [row] = db.prepare("SELECT hash FROM message_ids WHERE seq = 0").all() as [
      { hash: number }?,
    ];
    this.#seed = row?.hash ?? seed;
    if (!row) this.#sql.add.run(0, this.#seed, "");
  }

  /** The message with the id of a put above a floor, if it has an id and there is such a message; else 0. */
  find({ topic, attributes, identity = "" }: IdentifiedPut, floor: number): number {
    const id = attributes === undefined ? undefined : encodedMessageId(attributes);
    if (id === undefined) return 0;
    const found = this.#sql.find.all(this.hashOf(topic, id), floor, identity) as { seq: number }[];
    return found.find(({ seq }) => this.#isNamed(seq, topic, id))?.seq ?? 0;
  }

  /** The same message, with whose its id is. */
  identified(message: TopicMessage): TopicMessage {
    if (message.attributes === undefined || !hasMessageId(message.attributes)) return message;
    const [row] = this.#sql.owner.all(message.seq) as [{ identity: string }?];
    return row ? { ...message, identity: row.identity } : message;
  }

  /** A put is about to be stored, perhaps with an id. */
  add({ topic, attributes, identity = "" }: IdentifiedPut, seq: number): void {
    const id = attributes === undefined ? undefined : encodedMessageId(attributes);
    if (id === undefined) return;
    this.#sql.add.run(seq, this.hashOf(topic, id), identity);
    this.#log.writtenBytes += ROW_BYTES;
  }

  /** Messages from one number to another are deleted. */
  delete(first: number, last: number): void {
    const [{ n }] = this.#sql.count.all(first, last) as [{ n: number }];
    if (n === 0) return;
    this.#sql.delete.run(first, last);
    this.#log.writtenBytes += n * ROW_BYTES;
  }

  /** Whether a message has an id: two ids may have one hash. */
  #isNamed(seq: number, topic: string, id: string): boolean {
    const { buffer, topics } = this.#log;
    const inBuffer = buffer.at(seq);
    if (inBuffer) {
      return inBuffer.topic === topic && encodedMessageId(inBuffer.attributes ?? "") === id;
    }
    const [row] = this.#sql.row.all(seq) as [
      { first: number; topic: number; attributes: string | null }?,
    ];
    if (!row || row.attributes === null || row.topic !== topics.find(topic, 0)) return false;
    const attributes = splitAttributes(row.attributes)[seq - row.first];
    return attributes !== undefined && encodedMessageId(attributes) === id;
  }

  /** 53 bits of a topic and an id, by the method of cyrb53. */
  hashOf(topic: string, id: string): number {
    const text = `${topic}\n${id}`;
    let high = 0xdeadbeef ^ this.#seed;
    let low = 0x41c6ce57 ^ this.#seed;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      high = Math.imul(high ^ unit, 2654435761);
      low = Math.imul(low ^ unit, 1597334677);
    }
    high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
    low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
    return 4294967296 * (2097151 & low) + (high >>> 0);
  }
}
