/**
 * What is gone of each topic, as a table of a database.
 *
 * @module
 */

import type { Database, Statement } from "./engine.ts";
import { evictionSlack, type GoneMessage, type GoneTopics, horizonOf, NEVER } from "./gone_map.ts";
import { prefixEnd, withPrefix } from "./prefix_range.ts";
import type { Gone } from "./store.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS gone (
    topic TEXT PRIMARY KEY,
    seq INTEGER NOT NULL UNIQUE,
    at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS gone_horizon (seq INTEGER NOT NULL, at INTEGER NOT NULL);
`;

/**
 * The newest of all topics with a prefix is looked for among this many of them, and then among this many of all topics, the newest
 * first.
 */
const PREFIX_BUDGET = { topics: 1024, all: 16_384 };

/** What is gone of topics, in a database; nothing of it is in memory. */
export class GoneTable implements GoneTopics {
  readonly #max: number;
  readonly #sql: Record<
    | "find"
    | "newest"
    | "inRange"
    | "walk"
    | "past"
    | "note"
    | "count"
    | "oldest"
    | "delete"
    | "horizon"
    | "clear"
    | "raise",
    Statement
  >;
  /** The table has at most this many topics. */
  #maxCount = Infinity;
  #horizon: Gone | undefined;
  /** Topics of which nothing is gone have numbers below 0 here. */
  #nothingGone = 0;

  /**
   * Makes the table.
   *
   * @param db an open database
   * @param max how many topics are known exactly
   */
  constructor(db: Database, max: number) {
    this.#max = max;
    db.exec(SCHEMA);
    this.#sql = {
      find: db.prepare("SELECT seq, at FROM gone WHERE topic = ?"),
      newest: db.prepare("SELECT coalesce(max(seq), 0) AS seq FROM gone"),
      inRange: db.prepare(
        "SELECT count(*) AS n, max(seq) FILTER (WHERE at > ?4) AS seq, max(at) AS at FROM " +
          `(SELECT seq, at FROM gone WHERE ${withPrefix("topic")} LIMIT ?3)`,
      ),
      walk: db.prepare(
        "SELECT seq, at FROM (SELECT topic, seq, at FROM gone ORDER BY seq DESC LIMIT ?3) " +
          `WHERE ${withPrefix("topic")} AND at > ?4 LIMIT 1`,
      ),
      past: db.prepare("SELECT seq, at FROM gone ORDER BY seq DESC LIMIT 1 OFFSET ?"),
      note: db.prepare(
        "INSERT INTO gone VALUES (?, ?, ?) ON CONFLICT (topic) " +
          "DO UPDATE SET seq = excluded.seq, at = excluded.at WHERE excluded.seq > seq",
      ),
      count: db.prepare("SELECT count(*) AS n FROM gone"),
      oldest: db.prepare(
        "SELECT max(seq) AS seq, max(at) AS at FROM (SELECT seq, at FROM gone ORDER BY seq LIMIT ?)",
      ),
      delete: db.prepare("DELETE FROM gone WHERE seq <= ?"),
      horizon: db.prepare("SELECT seq, at FROM gone_horizon"),
      clear: db.prepare("DELETE FROM gone_horizon"),
      raise: db.prepare("INSERT INTO gone_horizon VALUES (?, ?)"),
    };
  }

  get horizon(): Gone {
    if (!this.#horizon) {
      const { seq, at } = (this.#sql.horizon.all() as [Gone?])[0] ?? { seq: 0, at: 0 };
      this.#horizon = { seq, at };
    }
    return this.#horizon;
  }

  get newest(): number {
    const [{ seq }] = this.#sql.newest.all() as [{ seq: number }];
    return Math.max(seq, this.horizon.seq);
  }

  find(topic: string): Gone | undefined {
    const [found] = this.#sql.find.all(topic) as [Gone?];
    return found && { seq: found.seq, at: found.at };
  }

  findPrefix(prefix: string, asOf: number): Gone | undefined {
    const range = [prefix, prefixEnd(prefix)] as const;
    const { topics, all } = PREFIX_BUDGET;
    const [{ n, seq, at }] = this.#sql.inRange.all(...range, topics + 1, asOf) as [
      { n: number; seq: number | null; at: number },
    ];
    if (n <= topics) return seq === null ? undefined : { seq, at };
    // What comes after that many is not newer than the next one. To find out when the last one went takes too long.
    const found = (this.#sql.walk.all(...range, all, asOf)[0] ?? this.#sql.past.all(all)[0]) as
      | Gone
      | undefined;
    return found && { seq: found.seq, at: Infinity };
  }

  record(messages: readonly GoneMessage[]): void {
    for (const { topic, seq, at } of messages) {
      // A newer message may have been dropped already: then the horizon covers it.
      if (seq <= this.horizon.seq && !this.find(topic)) this.raise({ seq, at });
      else this.#sql.note.run(topic, seq, at);
    }
    this.#maxCount += messages.length;
    // To count many topics takes long, so it is done now and then.
    if (this.#maxCount > this.#max + evictionSlack(this.#max)) this.#evict();
  }

  /** It is known of a topic what is gone, or (0) that nothing is; for a table that is made anew. */
  restore(topic: string, seq: number, at: number): void {
    if (seq > 0) this.#sql.note.run(topic, seq, at);
    // No two topics have the same number.
    else this.#sql.note.run(topic, --this.#nothingGone, NEVER);
  }

  /** Raises the horizon. */
  raise(gone: Gone): void {
    const { seq, at } = this.#horizon = horizonOf(this.horizon, gone);
    this.#sql.clear.run();
    this.#sql.raise.run(seq, at);
  }

  commit(): void {
    // It is in the database.
  }

  rollback(): void {
    this.#maxCount = Infinity;
    this.#horizon = undefined;
  }

  #evict(): void {
    const [{ n }] = this.#sql.count.all() as [{ n: number }];
    this.#maxCount = Math.min(n, this.#max);
    if (n <= this.#max) return;
    const [oldest] = this.#sql.oldest.all(n - this.#max) as [Gone];
    this.raise(oldest);
    this.#sql.delete.run(oldest.seq);
  }
}
