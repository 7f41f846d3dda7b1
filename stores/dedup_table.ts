/**
 * The tables of the deduplication index.
 *
 * @module
 */

import { IdMap } from "../protocol/name_map.ts";
import type { Database, Statement } from "./engine.ts";
import type { DedupIndex } from "./dedup_index.ts";
import type { DroppedRuns, RecordedRun, SeqRun, SessionRecord } from "./dedup_session.ts";

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
    at INTEGER,
    PRIMARY KEY (session, first)
  ) WITHOUT ROWID;
`;

/** What {@linkcode DedupIndex} remembers, as rows of a database. */
export class DedupTable {
  readonly #db: Database;
  readonly #sql: Record<
    "add" | "put" | "drop" | "dropAll" | "forget" | "remove" | "forgotten" | "count",
    Statement
  >;

  /**
   * Makes the tables.
   *
   * @param db an open database
   */
  constructor(db: Database) {
    this.#db = db;
    db.exec(SCHEMA);
    // Files have these columns since later releases. Without the first a session has no owner; earlier releases ignore it.
    const columns = db.prepare(
      "SELECT name FROM pragma_table_info('sessions') UNION SELECT name FROM pragma_table_info('numbers')",
    ).all() as { name: string }[];
    const isMissing = (column: string) => !columns.some(({ name }) => name === column);
    if (isMissing("owner")) {
      db.exec("ALTER TABLE sessions ADD COLUMN owner TEXT NOT NULL DEFAULT ''");
    }
    if (isMissing("at")) db.exec("ALTER TABLE numbers ADD COLUMN at INTEGER");
    this.#sql = {
      add: db.prepare(
        "INSERT INTO sessions (id, name, forgotten, lost, owner) VALUES (?, ?, ?, ?, ?)",
      ),
      put: db.prepare(
        "INSERT INTO numbers VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = excluded.count",
      ),
      drop: db.prepare("DELETE FROM numbers WHERE session = ? AND first <= ?"),
      dropAll: db.prepare("DELETE FROM numbers WHERE session = ?"),
      forget: db.prepare("UPDATE sessions SET forgotten = ?, lost = ? WHERE id = ?"),
      remove: db.prepare("DELETE FROM sessions WHERE id = ?"),
      forgotten: db.prepare("SELECT forgotten FROM sessions WHERE id = ?"),
      count: db.prepare("SELECT count FROM numbers WHERE session = ? AND first = ?"),
    };
  }

  /** Loads the index into memory. */
  load(dedup: DedupIndex, lost: number, now: number): void {
    const runs = this.#db.prepare(
      "SELECT id, name AS session, owner, first, count, seq, at, forgotten, lost FROM numbers " +
        "JOIN sessions ON id = session ORDER BY coalesce(at, seq), at IS NULL, session, first",
    ).all() as (SeqRun & SessionRecord)[];
    dedup.load(runs, lost, now);
  }

  /** Writes what was recorded, and deletes what was dropped before; returns how many rows that were. */
  save(recorded: Iterable<RecordedRun>, dropped: readonly DroppedRuns[]): number {
    let rows = 0;
    if (dropped.length > 0) rows += this.#drop(dropped);
    for (const run of recorded) {
      const { id, session, owner, first, count, seq, at, forgotten, lost, isNew } = run;
      if (isNew) this.#sql.add.run(id, session, forgotten, lost, owner);
      this.#sql.put.run(id, first, count, seq, at ?? null);
      rows++;
    }
    return rows;
  }

  /** Whether runs, and all that was dropped before them, are deleted from the tables. */
  hasDropped({ id, forgotten, evicted }: DroppedRuns): boolean {
    const [session] = this.#sql.forgotten.all(id) as [{ forgotten: number }?];
    // With each run that is dropped, what is forgotten of the session ends later.
    return !session || (!evicted && session.forgotten >= forgotten);
  }

  /** Whether a run is in the tables, with all that was recorded of it. */
  hasRecorded({ id, first, count }: RecordedRun): boolean {
    const [run] = this.#sql.count.all(id, first) as [{ count: number }?];
    return run !== undefined && run.count >= count;
  }

  #drop(dropped: Iterable<DroppedRuns>): number {
    let rows = 0;
    // The last entry of a session holds for all earlier ones.
    const sessions = new IdMap<DroppedRuns>();
    for (const last of dropped) sessions.set(last.id, last);
    for (const { id, upTo, forgotten, lost, evicted } of sessions.values()) {
      rows++;
      if (evicted) {
        this.#sql.dropAll.run(id);
        this.#sql.remove.run(id);
      } else {
        this.#sql.drop.run(id, upTo);
        this.#sql.forget.run(forgotten, lost, id);
      }
    }
    return rows;
  }
}
