/**
 * What is gone of each topic: its newest message that was purged, and when that ceased to be readable.
 *
 * @module
 */

import type { Database, Statement } from "./engine.ts";
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
 * The table of what is gone, also of topics that hold nothing any more. It keeps the newest entries. For all topics
 * without one there is a horizon: whatever is gone of them is not above it, and ceased to be readable no later.
 *
 * Changes belong to the transaction around them; where that fails, {@linkcode GoneTable.undone} has to be told.
 */
export class GoneTable {
  readonly #most: number;
  readonly #sql: Record<
    "find" | "insert" | "update" | "count" | "oldest" | "delete" | "horizon" | "clear" | "raise",
    Statement
  >;
  #count: number | undefined;
  #horizon: Gone | undefined;

  /**
   * Makes the table.
   *
   * @param db an open database
   * @param most how many entries it keeps
   */
  constructor(db: Database, most: number) {
    this.#most = most;
    db.exec(SCHEMA);
    this.#sql = {
      find: db.prepare("SELECT seq, at FROM gone WHERE topic = ?"),
      insert: db.prepare("INSERT INTO gone VALUES (?, ?, ?)"),
      update: db.prepare("UPDATE gone SET seq = ?, at = ? WHERE topic = ?"),
      count: db.prepare("SELECT count(*) AS n FROM gone"),
      oldest: db.prepare("SELECT seq, at FROM gone ORDER BY seq LIMIT ?"),
      delete: db.prepare("DELETE FROM gone WHERE seq <= ?"),
      horizon: db.prepare("SELECT seq, at FROM gone_horizon"),
      clear: db.prepare("DELETE FROM gone_horizon"),
      raise: db.prepare("INSERT INTO gone_horizon VALUES (?, ?)"),
    };
  }

  /** The entry of a topic. */
  find(topic: string): Gone | undefined {
    const [found] = this.#sql.find.all(topic) as [Gone?];
    return found && { seq: found.seq, at: found.at };
  }

  /** What may be gone of a topic that has no entry; nothing, if its number is 0. */
  get horizon(): Gone {
    if (!this.#horizon) {
      const { seq, at } = (this.#sql.horizon.all() as [Gone?])[0] ?? { seq: 0, at: 0 };
      this.#horizon = { seq, at };
    }
    return this.#horizon;
  }

  /** A message of a topic is purged, the newest of those that are. */
  note(topic: string, gone: Gone): void {
    const known = this.find(topic);
    if (known) {
      if (known.seq < gone.seq) this.#sql.update.run(gone.seq, gone.at, topic);
      return;
    }
    // An entry of a newer one may have been given up already: then it is for the horizon to tell.
    if (gone.seq <= this.horizon.seq) return this.raise(gone);
    this.#count = this.#entries + 1;
    this.#sql.insert.run(topic, gone.seq, gone.at);
    if (this.#count > this.#most) this.#giveUp(this.#count - this.#most);
  }

  /** Raises the horizon. */
  raise(gone: Gone): void {
    const { seq, at } = this.horizon;
    this.#horizon = { seq: Math.max(seq, gone.seq), at: Math.max(at, gone.at) };
    this.#sql.clear.run();
    this.#sql.raise.run(this.#horizon.seq, this.#horizon.at);
  }

  /** What was changed was undone. */
  undone(): void {
    this.#count = this.#horizon = undefined;
  }

  get #entries(): number {
    return this.#count ??= (this.#sql.count.all() as [{ n: number }])[0].n;
  }

  #giveUp(count: number): void {
    const oldest = this.#sql.oldest.all(count) as Gone[];
    const seq = oldest.at(-1)!.seq;
    const at = oldest.reduce((latest, gone) => Math.max(latest, gone.at), 0);
    this.raise({ seq, at });
    this.#sql.delete.run(seq);
    this.#count! -= oldest.length;
  }
}
