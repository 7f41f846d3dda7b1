/**
 * A SQLite engine that tells how SQLite has found the rows of the statements that were run.
 *
 * @module
 */

import type { Database, Engine, SqlValue } from "../../stores/engine.ts";

/** Remembers what was asked of the database that it has opened last. */
export class PlannedEngine implements Engine {
  readonly name: Engine["name"];
  readonly #engine: Engine;
  #db: Database | undefined;
  /** Statements that returned rows or could have, with the values of their first run. */
  readonly #asked = new Map<string, SqlValue[]>();

  /** Opens databases by another engine. */
  constructor(engine: Engine) {
    this.#engine = engine;
    this.name = engine.name;
  }

  open(path: string): Database {
    const db = this.#db = this.#engine.open(path);
    return {
      exec: (sql) => db.exec(sql),
      close: () => db.close(),
      prepare: (sql) => {
        const statement = db.prepare(sql);
        return {
          run: (...values) => statement.run(...values),
          all: (...values) => {
            if (!this.#asked.has(sql)) this.#asked.set(sql, values);
            return statement.all(...values);
          },
        };
      },
    };
  }

  /** Forgets what was asked. */
  forget(): void {
    this.#asked.clear();
  }

  /** The steps of each statement that was asked. */
  get plans(): (readonly [sql: string, steps: readonly string[]])[] {
    return [...this.#asked].map(([sql, values]) => {
      const steps = this.#db!.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values);
      return [sql, (steps as { detail: string }[]).map(({ detail }) => detail)] as const;
    });
  }
}
