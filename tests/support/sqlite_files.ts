/**
 * Files of SQLite that no store has open.
 *
 * @module
 */

import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { eraseUnused } from "../../stores/erase_unused.ts";

/** Runs statements in a file; returns what the last one does. */
export function inFile(path: string, ...statements: readonly string[]): Record<string, unknown>[] {
  const db = nodeSqlite.open(path);
  try {
    const rows = statements.map((sql) => db.prepare(sql).all()).at(-1)!;
    return rows.map((row) => ({ ...Object(row) }));
  } finally {
    db.close();
  }
}

/** The roots of the tables and indexes of each file: SQLite would not open some of these. */
const roots = new Map<string, number[]>();

export function noteRoots(path: string): void {
  const rows = inFile(path, "SELECT rootpage FROM sqlite_schema WHERE rootpage > 0");
  roots.set(path, rows.map(({ rootpage }) => Number(rootpage)));
}

/** Overwrites all that can be, as for a purge. */
export function erase(path: string): void {
  eraseUnused(path, [1, ...roots.get(path)!]);
}

/** Changes bytes of a file; returns all of it. */
export function patch(path: string, change: (view: DataView) => void): Uint8Array {
  const bytes = Deno.readFileSync(path);
  change(new DataView(bytes.buffer));
  Deno.writeFileSync(path, bytes);
  return bytes;
}

/** Numbers from 1 on. */
export function numbers(count: number): string {
  return `(WITH RECURSIVE n(value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM n WHERE value < ${count}) SELECT value FROM n)`;
}
