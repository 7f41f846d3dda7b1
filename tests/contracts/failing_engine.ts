/**
 * An engine that fails where a test tells it to.
 *
 * @module
 */

import type { Engine } from "../../stores/engine.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";

/** An engine under watch. */
export interface WatchedEngine {
  readonly failing: Engine;
  /** The statements that were executed. */
  readonly executed: string[];
  /** Has the statements fail that it says, instead of those that it said before. */
  failOn(on: (sql: string) => boolean | void): void;
}

/** An engine that notes its statements, and fails where it is told to. */
export function watchEngine(engine: Engine = nodeSqlite): WatchedEngine {
  const executed: string[] = [];
  let fails: (sql: string) => boolean | void = () => {};
  const before = (sql: string) => {
    executed.push(sql);
    if (fails(sql)) throw new Error("the disk is full");
  };
  const failing: Engine = {
    name: engine.name,
    open(path) {
      const db = engine.open(path);
      return {
        exec: (sql) => (before(sql), db.exec(sql)),
        prepare(sql) {
          const statement = db.prepare(sql);
          return {
            run: (...values) => (before(sql), statement.run(...values)),
            all: (...values) => (before(sql), statement.all(...values)),
          };
        },
        close: () => db.close(),
      };
    },
  };
  const failOn = (on: (sql: string) => boolean | void) => void (fails = on);
  return { failing, executed, failOn };
}

/** The n-th statement that begins so. */
export function nth(n: number, beginning: string): (sql: string) => boolean {
  let seen = 0;
  return (sql) => sql.startsWith(beginning) && ++seen === n;
}
