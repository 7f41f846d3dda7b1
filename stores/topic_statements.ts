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
): Record<"insert" | "delete" | "names" | "counts" | "before" | "around", Statement> {
  db.exec(SCHEMA);
  return {
    insert: db.prepare("INSERT INTO topics VALUES (?, ?)"),
    delete: db.prepare("DELETE FROM topics WHERE id = ?"),
    names: db.prepare(
      "SELECT name FROM topics WHERE name > ? AND name >= ? ORDER BY name LIMIT ?",
    ),
    // +topic: or SQLite would read the whole index of topics instead of the few rows up to that number.
    counts: db.prepare(
      // Beside max(), all other columns are those of its row.
      "SELECT (SELECT name FROM topics WHERE id = topic) AS name, sum(last - first + 1) AS n, " +
        "max(last) AS seq, times FROM runs WHERE last <= ? AND topic > 0 GROUP BY +topic ORDER BY seq",
    ),
    before: db.prepare(
      "SELECT coalesce(sum(last - first + 1), 0) AS n, count(*) AS rows, max(last) AS upTo FROM " +
        "(SELECT last, first FROM runs WHERE topic = ? AND last > ? AND last <= ? ORDER BY last LIMIT ?)",
    ),
    around: db.prepare(
      "SELECT first FROM runs WHERE topic = ? AND last > ? ORDER BY last LIMIT 1",
    ),
  };
}
