/**
 * An engine that fails on demand.
 *
 * @module
 */

import type { Engine } from "../../stores/engine.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";

/** An engine that a test controls. */
export interface WatchedEngine {
  readonly failing: Engine;
  /** The executed statements. */
  readonly executed: string[];
  /** Makes these statements fail, instead of those chosen before. */
  failOn(on: (sql: string) => boolean | void): void;
  /** Makes these statements fail after they are done, instead of those chosen before. */
  failAfter(on: (sql: string) => boolean | void): void;
}

/** An engine that records its statements, and fails on demand. */
export function watchEngine(engine: Engine = nodeSqlite): WatchedEngine {
  const executed: string[] = [];
  let fails: (sql: string) => boolean | void = () => {};
  let failsAfter: (sql: string) => boolean | void = () => {};
  const step = <T>(sql: string, work: () => T): T => {
    executed.push(sql);
    if (fails(sql)) throw new Error("the disk is full");
    const result = work();
    if (failsAfter(sql)) throw new Error("the disk fails");
    return result;
  };
  const failing: Engine = {
    name: engine.name,
    open(path) {
      const db = engine.open(path);
      return {
        exec: (sql) => step(sql, () => db.exec(sql)),
        prepare(sql) {
          const statement = db.prepare(sql);
          return {
            run: (...values) => step(sql, () => statement.run(...values)),
            all: (...values) => step(sql, () => statement.all(...values)),
          };
        },
        close: () => db.close(),
      };
    },
  };
  const failOn = (on: (sql: string) => boolean | void) => void (fails = on);
  const failAfter = (on: (sql: string) => boolean | void) => void (failsAfter = on);
  return { failing, executed, failOn, failAfter };
}

/** The n-th statement that begins with this text. */
export function nth(n: number, beginning: string): (sql: string) => boolean {
  let seen = 0;
  return (sql) => sql.startsWith(beginning) && ++seen === n;
}
