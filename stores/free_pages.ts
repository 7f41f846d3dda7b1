/**
 * The pages of a database that hold nothing, and may still have the text of what was in them.
 *
 * @module
 */

import type { Database, Statement } from "./engine.ts";

const SCHEMA = "CREATE TABLE IF NOT EXISTS filler (zeros BLOB NOT NULL)";

/** How many pages are overwritten at a time. */
const SLICE = 256;

/** Overwrites free pages: they are filled with zeros, and are free again. */
export class FreePages {
  readonly #db: Database;
  readonly #sql: Record<"free" | "size" | "fill" | "filled" | "empty", Statement>;
  #isFilled = false;

  /**
   * Makes the table that fills them.
   *
   * @param db an open database
   */
  constructor(db: Database) {
    db.exec(SCHEMA);
    this.#db = db;
    this.#sql = {
      free: db.prepare("PRAGMA freelist_count"),
      size: db.prepare("PRAGMA page_size"),
      fill: db.prepare("INSERT INTO filler VALUES (zeroblob(?))"),
      filled: db.prepare("SELECT count(*) AS n FROM filler"),
      empty: db.prepare("DELETE FROM filler WHERE rowid IN (SELECT rowid FROM filler LIMIT 1)"),
    };
  }

  /** Overwrites some, in a transaction; returns whether there are more. */
  overwriteSome(): boolean {
    const free = this.#isFilled ? 0 : number(this.#sql.free);
    if (free > 0) {
      // A page of its own for the row, and four bytes of each of the others for the next one.
      const pages = Math.max(1, Math.min(free, SLICE) - 1);
      this.#sql.fill.run(pages * (number(this.#sql.size) - 4));
      return true;
    }
    this.#isFilled = true;
    // The last page of a row is filled only in part, and its rest may still have text. With this setting SQLite overwrites
    // pages as they become free; with FAST it would leave that.
    this.#db.prepare("PRAGMA secure_delete = ON").all();
    try {
      this.#sql.empty.run();
    } finally {
      this.#db.prepare("PRAGMA secure_delete = FAST").all();
    }
    if (number(this.#sql.filled) > 0) return true;
    this.#isFilled = false;
    return false;
  }

  /** How many bytes of pages a call changes at most. */
  get sliceBytes(): number {
    return (SLICE + 4) * number(this.#sql.size);
  }
}

function number(statement: Statement): number {
  const [row] = statement.all();
  return Number(Object.values(Object(row))[0]);
}
