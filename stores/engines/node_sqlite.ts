/**
 * The engine that is built into Deno: no permission, no download.
 *
 * @module
 */

import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Database, Engine, SqlValue, Statement } from "../engine.ts";

/** `node:sqlite`; see https://docs.deno.com/api/node/sqlite/. Integers come back as numbers while they are safe. */
export const nodeSqlite: Engine = {
  name: "node:sqlite",
  open(path): Database {
    const db = new DatabaseSync(path);
    return {
      exec: (sql) => db.exec(sql),
      prepare: (sql) => new NodeStatement(db.prepare(sql)),
      close: () => db.close(),
    };
  },
};

class NodeStatement implements Statement {
  readonly #statement: StatementSync;

  constructor(statement: StatementSync) {
    this.#statement = statement;
  }

  /**
   * Not by its `run`: what that returns takes twice as long, and puts names into V8's old space, where they stay for
   * long.
   */
  run(...values: SqlValue[]): void {
    this.#statement.get(...values);
  }

  all(...values: SqlValue[]): unknown[] {
    return this.#statement.all(...values);
  }
}
