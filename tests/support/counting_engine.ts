/**
 * A SQLite engine that counts how often a statement is run: the work of a store, whatever the machine.
 *
 * @module
 */

import type { Database, Engine } from "../../stores/engine.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";

/** Counts the work of all databases that it opens. */
export class CountingEngine implements Engine {
  readonly name = nodeSqlite.name;
  /** How many statements were run, and rows returned, so far. */
  rows = 0;
  /** How many of them wrote something, or could have. */
  writes = 0;
  /** How many characters of text the returned rows held. */
  read = 0;
  /** How many transactions were committed. */
  commits = 0;

  open(path: string): Database {
    const db = nodeSqlite.open(path);
    return {
      exec: (sql) => db.exec(sql),
      close: () => db.close(),
      prepare: (sql) => {
        const statement = db.prepare(sql);
        return {
          run: (...values) => {
            this.rows++;
            this.writes++;
            if (sql === "COMMIT") this.commits++;
            return statement.run(...values);
          },
          all: (...values) => {
            const rows = statement.all(...values);
            this.rows += 1 + rows.length;
            for (const value of rows.flatMap((row) => Object.values(row as object))) {
              if (typeof value === "string") this.read += value.length;
            }
            return rows;
          },
        };
      },
    };
  }

  /** How much work it is to do something. */
  async rowsFor(act: () => Promise<unknown>): Promise<number> {
    const before = this.rows;
    await act();
    return this.rows - before;
  }
}
