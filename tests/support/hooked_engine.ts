/**
 * A SQLite engine in whose statements something can fail, or a process die.
 *
 * @module
 */

import type { Engine } from "../../stores/engine.ts";

/** What is called before each statement, and after it; if it throws, the statement has failed. */
export interface StatementHook {
  (sql: string, moment: "before" | "after"): void;
}

/**
 * Has a hook called around each statement.
 *
 * @param engine runs the statements
 * @param hook what to call
 */
export function hookedEngine(engine: Engine, hook: StatementHook): Engine {
  const step = <T>(sql: string, work: () => T): T => {
    hook(sql, "before");
    const result = work();
    hook(sql, "after");
    return result;
  };
  return {
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
}
