/**
 * The topics that hold messages: their numbers in the database, and how many messages each holds.
 *
 * @module
 */

import type { TopicEntry } from "../protocol/answers.ts";
import type { Database, Statement } from "./engine.ts";
import type { TopicQuery } from "./store.ts";

interface Topic {
  readonly id: number;
  messages: number;
}

const SCHEMA = "CREATE TABLE topics (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)";

/**
 * The table of topics. Names go in and out as text; the messages name their topic by number.
 *
 * Changes belong to the transaction around them and take effect with {@linkcode TopicTable.commit}.
 */
export class TopicTable {
  readonly #topics = new Map<string, Topic>();
  readonly #changes = new Map<string, Topic>();
  readonly #sql: Record<"insert" | "delete" | "names" | "counts" | "expired" | "newest", Statement>;
  #nextId = 1;

  /**
   * Makes the table.
   *
   * @param db an open database that has the table of messages
   */
  constructor(db: Database) {
    db.exec(SCHEMA);
    this.#sql = {
      insert: db.prepare("INSERT INTO topics VALUES (?, ?)"),
      delete: db.prepare("DELETE FROM topics WHERE id = ?"),
      names: db.prepare(
        "SELECT name FROM topics WHERE name > ? AND name >= ? ORDER BY name LIMIT ?",
      ),
      // +topic: or SQLite would walk the whole index of topics for it, instead of the few rows up to that number.
      counts: db.prepare(
        "SELECT (SELECT name FROM topics WHERE id = topic) AS name, count(*) AS n " +
          "FROM messages WHERE seq <= ? GROUP BY +topic",
      ),
      expired: db.prepare("SELECT count(*) AS n FROM messages WHERE topic = ? AND seq <= ?"),
      newest: db.prepare(
        "SELECT seq, time FROM messages WHERE topic = ? ORDER BY seq DESC LIMIT 1",
      ),
    };
  }

  /** The number of a topic, if it holds messages. */
  find(name: string): number | undefined {
    return this.#topics.get(name)?.id;
  }

  /** The number of a topic that is about to get messages. */
  id(name: string): number {
    const known = this.#changes.get(name) ?? this.#topics.get(name);
    if (known) return known.id;
    const topic = { id: this.#nextId++, messages: 0 };
    this.#sql.insert.run(topic.id, name);
    this.#changes.set(name, topic);
    return topic.id;
  }

  /** Counts messages in, or out with a number below 0; a topic without messages is gone. */
  count(name: string, messages: number): void {
    const known = this.#changes.get(name) ?? this.#topics.get(name)!;
    const topic = { id: known.id, messages: known.messages + messages };
    this.#changes.set(name, topic);
    if (topic.messages === 0) this.#sql.delete.run(topic.id);
  }

  /** Counts out the messages up to this number, which are about to be deleted. */
  forget(upTo: number): void {
    for (const { name, n } of this.#sql.counts.all(upTo) as { name: string; n: number }[]) {
      this.count(name, -n);
    }
  }

  /** The transaction holds. */
  commit(): void {
    for (const [name, topic] of this.#changes) {
      if (topic.messages === 0) this.#topics.delete(name);
      else this.#topics.set(name, topic);
    }
    this.#changes.clear();
  }

  /** The transaction does not hold. */
  rollback(): void {
    this.#changes.clear();
  }

  /**
   * Lists topics that hold messages above the floor.
   *
   * @param query which topics
   * @param floor messages up to here do not count
   * @param unpurged some of those messages are not deleted yet
   * @returns at most as many as were asked for
   */
  list({ prefix, after, count }: TopicQuery, floor: number, unpurged: boolean): TopicEntry[] {
    const entries: TopicEntry[] = [];
    for (let from = after; entries.length < count;) {
      const names = (this.#sql.names.all(from, prefix, count) as { name: string }[]).map((
        { name },
      ) => name);
      for (const name of names) {
        if (!name.startsWith(prefix)) return entries;
        const { id, messages } = this.#topics.get(name)!;
        const [{ seq, time }] = this.#sql.newest.all(id) as [{ seq: number; time: number }];
        if (seq <= floor) continue;
        const expired = unpurged ? (this.#sql.expired.all(id, floor) as [{ n: number }])[0].n : 0;
        entries.push({ topic: name, messages: messages - expired, seq, time });
        if (entries.length === count) return entries;
      }
      if (names.length < count) break;
      from = names.at(-1)!;
    }
    return entries;
  }
}
