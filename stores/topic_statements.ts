/**
 * The table of topics in a database, and what is asked of it.
 *
 * @module
 */

import type { Database, Statement } from "./engine.ts";

const SCHEMA =
  "CREATE TABLE IF NOT EXISTS topics (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)";

/**
 * Makes the table, and prepares the statements.
 *
 * @param db an open database that has the table of messages
 * @returns the statements
 */
export function topicStatements(
  db: Database,
): Record<"insert" | "delete" | "counts", Statement> {
  db.exec(SCHEMA);
  return {
    insert: db.prepare("INSERT INTO topics VALUES (?, ?)"),
    delete: db.prepare("DELETE FROM topics WHERE id = ?"),
    // +topic: or SQLite would read the whole index of topics instead of the few rows up to that number.
    counts: db.prepare(
      // Beside max(), all other columns are those of its row.
      "SELECT (SELECT name FROM topics WHERE id = topic) AS name, sum(last - first + 1) AS n, " +
        "sum(size) AS bytes, max(last) AS seq, times FROM runs WHERE last <= ? AND topic > 0 GROUP BY +topic ORDER BY seq",
    ),
  };
}
