/**
 * Messages that have expired, and that a group has not finished.
 *
 * @module
 */

import type { TopicFilter } from "../../protocol/requests.ts";
import type { Database, Statement } from "../engine.ts";
import { prefixEnd, withPrefix } from "../prefix_range.ts";
import type { TopicMessage } from "../queries.ts";
import { storedSize } from "../store_limits.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS expired_jobs (
    seq INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    topic TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    size INTEGER NOT NULL,
    body TEXT NOT NULL,
    attributes TEXT
  );
  CREATE INDEX IF NOT EXISTS expired_jobs_of_topic ON expired_jobs (topic, seq);
`;

/** Of one topic, as a topic that is a range of one name. */
const OF_TOPIC = "topic = ?1 AND topic = ?2";

interface Row extends Omit<TopicMessage, "attributes"> {
  readonly attributes: string | null;
}

type Named = Pick<TopicMessage, "seq" | "topic">;

/**
 * The purge of the store moves messages here before it deletes them. Changes belong to the transaction around them; what is in memory
 * changes with them, so that it has to be loaded again if they are undone.
 */
export class ExpiredJobs {
  /**
   * Of the messages up to here, those that groups need are in this table; later ones, expired or not, are where they were stored.
   */
  through: number;
  /** What its messages count in stored bytes. */
  bytes: number;
  readonly #sql: Record<
    | "insert"
    | "topicPage"
    | "prefixPage"
    | "topicSizes"
    | "prefixSizes"
    | "topicCount"
    | "prefixCount"
    | "oldest"
    | "lastBy"
    | "find"
    | "delete"
    | "topicSeqs"
    | "prefixSeqs",
    Statement
  >;

  /**
   * Makes the table.
   *
   * @param db an open database
   * @param through see {@linkcode ExpiredJobs.through}
   */
  constructor(db: Database, through: number) {
    this.through = through;
    db.exec(SCHEMA);
    const of = { topic: OF_TOPIC, prefix: withPrefix("topic") };
    const page = (condition: string) =>
      db.prepare(
        "SELECT seq, time, topic, body, attributes, bytes FROM expired_jobs " +
          `WHERE ${condition} AND seq > ?3 AND seq <= ?4 ORDER BY seq LIMIT ?5`,
      );
    const sizes = (condition: string) =>
      db.prepare(
        `SELECT seq, bytes FROM expired_jobs WHERE ${condition} AND seq > ?3 ORDER BY seq LIMIT ?4`,
      );
    const count = (condition: string) =>
      db.prepare(`SELECT count(*) AS n FROM expired_jobs WHERE ${condition} AND seq > ?3`);
    const seqs = (condition: string) =>
      db.prepare(
        "SELECT seq, topic FROM expired_jobs " +
          `WHERE ${condition} AND seq > ?3 AND seq <= ?4 ORDER BY seq LIMIT ?5`,
      );
    this.#sql = {
      insert: db.prepare("INSERT INTO expired_jobs VALUES (?, ?, ?, ?, ?, ?, ?)"),
      topicPage: page(of.topic),
      prefixPage: page(of.prefix),
      topicSizes: sizes(of.topic),
      prefixSizes: sizes(of.prefix),
      topicCount: count(of.topic),
      prefixCount: count(of.prefix),
      oldest: db.prepare("SELECT seq, topic FROM expired_jobs ORDER BY seq LIMIT 1"),
      lastBy: db.prepare(
        "SELECT seq FROM expired_jobs WHERE time <= ? ORDER BY seq DESC LIMIT 1",
      ),
      find: db.prepare("SELECT size, topic FROM expired_jobs WHERE seq = ?"),
      delete: db.prepare("DELETE FROM expired_jobs WHERE seq = ?"),
      topicSeqs: seqs(of.topic),
      prefixSeqs: seqs(of.prefix),
    };
    const [{ size }] = db.prepare("SELECT coalesce(sum(size), 0) AS size FROM expired_jobs")
      .all() as [{ size: number }];
    this.bytes = size;
  }

  /** Adds messages. */
  add(messages: readonly TopicMessage[]): void {
    for (const message of messages) {
      const { seq, time, topic, body, attributes = null, bytes } = message;
      const size = storedSize(message);
      this.#sql.insert.run(seq, time, topic, bytes, size, body, attributes);
      this.bytes += size;
    }
  }

  /** Reads messages after a number, oldest first: so many, and so many bytes of bodies and attributes, but at least one. */
  read(filter: TopicFilter, after: number, count: number, bytes: number): TopicMessage[] {
    const { topic, prefix } = filter;
    const end = count === 1 ? Number.MAX_SAFE_INTEGER : this.#endOf(filter, after, count, bytes);
    const rows = prefix === undefined
      ? this.#sql.topicPage.all(topic, topic, after, end, count)
      : this.#sql.prefixPage.all(prefix, prefixEnd(prefix), after, end, count);
    return (rows as Row[]).map(({ attributes, ...row }) =>
      attributes === null ? row : { ...row, attributes }
    );
  }

  /** The last message of such a page. What comes behind it is not read: it may be very large. */
  #endOf({ topic, prefix }: TopicFilter, after: number, count: number, bytes: number): number {
    const sizes = prefix === undefined
      ? this.#sql.topicSizes.all(topic, topic, after, count)
      : this.#sql.prefixSizes.all(prefix, prefixEnd(prefix), after, count);
    let [end, left] = [after, bytes];
    for (const { seq, bytes } of sizes as Pick<TopicMessage, "seq" | "bytes">[]) {
      left -= bytes;
      if (left < 0 && end > after) break;
      end = seq;
    }
    return end;
  }

  /** How many messages there are after a number. */
  count({ topic, prefix }: TopicFilter, after: number): number {
    const [{ n }] =
      (prefix === undefined
        ? this.#sql.topicCount.all(topic, topic, after)
        : this.#sql.prefixCount.all(prefix, prefixEnd(prefix), after)) as [{ n: number }];
    return n;
  }

  /** The oldest message, if there is one. */
  get oldest(): Named | undefined {
    return (this.#sql.oldest.all() as Named[])[0];
  }

  /** The last message that was stored at a time or before; 0 if there is none. */
  lastStoredBy(time: number): number {
    return (this.#sql.lastBy.all(time) as [Named?])[0]?.seq ?? 0;
  }

  /** The numbers and topics of messages after a number and up to another, the oldest first, at most so many. */
  seqs({ topic, prefix }: TopicFilter, after: number, upTo: number, max: number): readonly Named[] {
    return (prefix === undefined
      ? this.#sql.topicSeqs.all(topic, topic, after, upTo, max)
      : this.#sql.prefixSeqs.all(prefix, prefixEnd(prefix), after, upTo, max)) as Named[];
  }

  /** The topic of a message, if it is here. */
  topicOf(seq: number): string | undefined {
    return (this.#sql.find.all(seq) as Named[])[0]?.topic;
  }

  /** Deletes a message, if it is here. */
  delete(seq: number): void {
    const [row] = this.#sql.find.all(seq) as [{ size: number }?];
    if (!row) return;
    this.#sql.delete.run(seq);
    this.bytes -= row.size;
  }
}
