/**
 * The test that every SQLite engine has to pass.
 *
 * @module
 */

import type { Database, Engine, Statement } from "../engine.ts";

/**
 * Tests that an engine returns what a store gives it: integers beyond 32 bits, text beyond ASCII, and the functions
 * that the store's statements use.
 *
 * @param engine the engine to test
 * @returns the engine
 * @throws {Error} if it returns anything but what was stored
 */
export function selfTest(engine: Engine): Engine {
  const db = engine.open(":memory:");
  try {
    db.exec("CREATE TABLE t (n INTEGER, s TEXT)");
    const n = Number.MAX_SAFE_INTEGER;
    const s = '"\u{1F600}\\u0000"';
    db.prepare("INSERT INTO t SELECT ? + key, value FROM json_each(?)").run(n, JSON.stringify([s]));
    const rows = prepareSelect(db, "SELECT n, s, octet_length(s) AS bytes FROM t WHERE n = ?").all(
      n,
    );
    const row = rows[0] as { n: number; s: string; bytes: number } | undefined;
    if (row?.n !== n || row.s !== s || row.bytes !== 12) {
      throw new Error("what it returns is not what was stored");
    }
    return engine;
  } finally {
    db.close();
  }
}

function prepareSelect(db: Database, sql: string): Statement {
  try {
    return db.prepare(sql);
  } catch (error) {
    throw new Error(`SQLite 3.43 or later is needed: ${(error as Error).message}`);
  }
}
