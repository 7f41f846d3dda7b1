/**
 * The tables of what was put once.
 *
 * @module
 */

import type { Database, Statement } from "./engine.ts";
import type { Dropped, PutOnce, PutRun, PutSession } from "./put_once.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS sessions (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    forgotten INTEGER NOT NULL,
    lost INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS numbers (
    session INTEGER NOT NULL,
    first INTEGER NOT NULL,
    count INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (session, first)
  ) WITHOUT ROWID;
`;

/** What {@linkcode PutOnce} remembers, as rows of a database. */
export class PutTable {
  readonly #db: Database;
  readonly #sql: Record<"add" | "put" | "drop" | "forget" | "remove", Statement>;

  /**
   * Makes the tables.
   *
   * @param db an open database
   */
  constructor(db: Database) {
    this.#db = db;
    db.exec(SCHEMA);
    const session = "session = (SELECT id FROM sessions WHERE name = ?)";
    this.#sql = {
      add: db.prepare("INSERT OR IGNORE INTO sessions (name, forgotten, lost) VALUES (?, ?, ?)"),
      put: db.prepare(
        "INSERT INTO numbers SELECT id, ?, ?, ? FROM sessions WHERE name = ? " +
          "ON CONFLICT DO UPDATE SET count = excluded.count",
      ),
      drop: db.prepare(`DELETE FROM numbers WHERE ${session} AND first = ?`),
      forget: db.prepare("UPDATE sessions SET forgotten = ?, lost = ? WHERE name = ?"),
      remove: db.prepare("DELETE FROM sessions WHERE name = ?"),
    };
  }

  /** Fills what is remembered in memory. */
  load(puts: PutOnce, lost: number, now: number): void {
    const runs = this.#db.prepare(
      "SELECT name AS session, first, count, seq, forgotten, lost " +
        "FROM numbers JOIN sessions ON id = session ORDER BY seq",
    ).all() as (PutRun & PutSession)[];
    puts.load(runs, lost, now);
  }

  /** Writes what was noted, and deletes what was dropped before. */
  save(noted: Iterable<PutRun & PutSession>, dropped: Iterable<Dropped>): void {
    for (const { session, first, forgotten, lost, wholly } of dropped) {
      this.#sql.drop.run(session, first);
      if (wholly) this.#sql.remove.run(session);
      else this.#sql.forget.run(forgotten, lost, session);
    }
    for (const { session, first, count, seq, forgotten, lost } of noted) {
      this.#sql.add.run(session, forgotten, lost);
      this.#sql.put.run(first, count, seq, session);
    }
  }
}
