/**
 * The topics that hold messages: their numbers in the database, and how many messages each holds.
 *
 * @module
 */

import type { TopicEntry } from "../protocol/answers.ts";
import { NameMap } from "../protocol/name_map.ts";
import type { Database, Statement } from "./engine.ts";
import { lastTimeOf } from "./run_table.ts";
import type { Message, TopicQuery } from "./store.ts";

interface Topic {
  readonly id: number;
  readonly messages: number;
  /** Its newest message. */
  readonly seq: number;
  readonly time: number;
}

/** The newest message of a topic that is about to be deleted. */
export interface Deleted {
  readonly topic: string;
  readonly seq: number;
  readonly time: number;
}

const SCHEMA =
  "CREATE TABLE IF NOT EXISTS topics (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)";

/**
 * The table of topics. Names go in and out as text; the messages name their topic by number.
 *
 * Changes belong to the transaction around them; {@linkcode TopicTable.rollback} undoes them.
 */
export class TopicTable {
  readonly #topics = new NameMap<Topic>();
  /** What was changed in this transaction, as it was before. */
  readonly #undo = new NameMap<Topic | undefined>();
  readonly #sql: Record<"insert" | "delete" | "names" | "counts" | "before" | "around", Statement>;
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
        // Beside max() all other columns are those of that row.
        "SELECT (SELECT name FROM topics WHERE id = topic) AS name, sum(last - first + 1) AS n, " +
          "max(last) AS seq, times FROM runs WHERE last <= ? GROUP BY +topic ORDER BY seq",
      ),
      before: db.prepare(
        "SELECT coalesce(sum(last - first + 1), 0) AS n FROM runs WHERE topic = ? AND last <= ?",
      ),
      around: db.prepare(
        "SELECT first FROM runs WHERE topic = ? AND last > ? ORDER BY last LIMIT 1",
      ),
    };
  }

  /**
   * Reads which topics there are.
   *
   * @param db the database
   * @param timeOf tells when a message was stored
   */
  load(db: Database, timeOf: (seq: number) => number): void {
    const all = db.prepare(
      "SELECT id, name, sum(last - first + 1) AS messages, max(last) AS seq " +
        "FROM topics JOIN runs ON topic = id GROUP BY id",
    );
    for (const row of all.all() as (Omit<Topic, "time"> & { name: string })[]) {
      const { id, name, messages, seq } = row;
      this.#topics.set(name, { id, messages, seq, time: timeOf(seq) });
      this.#nextId = Math.max(this.#nextId, id + 1);
    }
  }

  /** How many topics there are, those included whose messages have expired and are not deleted yet. */
  get size(): number {
    return this.#topics.size;
  }

  /** Whether it is one of these. */
  has(name: string): boolean {
    return this.#topics.has(name);
  }

  /** The number of a topic, if it holds messages after a sequence number. */
  find(name: string, after: number): number | undefined {
    const topic = this.#topics.get(name);
    return topic && topic.seq > after ? topic.id : undefined;
  }

  /** Messages are about to be inserted: counts them in, and gives each of their topics a number. */
  add(messages: readonly Message[]): void {
    for (let i = 0; i < messages.length;) {
      const { topic: name } = messages[i]!;
      let end = i + 1;
      while (messages[end]?.topic === name) end++;
      const { seq, time } = messages[end - 1]!;
      const known = this.#topics.get(name);
      const id = known?.id ?? this.#nextId++;
      if (!known) this.#sql.insert.run(id, name);
      this.#change(name, { id, messages: (known?.messages ?? 0) + end - i, seq, time });
      i = end;
    }
  }

  /** The number of a topic to which messages were added. */
  id(name: string): number {
    return this.#topics.get(name)!.id;
  }

  /** Counts out the messages of all runs up to a sequence number, which are about to be deleted; returns the newest of each topic, in order. */
  forget(upTo: number): Deleted[] {
    const rows = this.#sql.counts.all(upTo) as {
      name: string;
      n: number;
      seq: number;
      times: string;
    }[];
    for (const { name, n } of rows) {
      const topic = this.#topics.get(name)!;
      const messages = topic.messages - n;
      // A topic without messages is gone.
      this.#change(name, messages === 0 ? undefined : { ...topic, messages });
      if (messages === 0) this.#sql.delete.run(topic.id);
    }
    return rows.map(({ name, seq, times }) => ({ topic: name, seq, time: lastTimeOf(times) }));
  }

  /** The transaction holds. */
  commit(): void {
    this.#undo.clear();
  }

  /** The transaction does not hold. */
  rollback(): void {
    for (const [name, topic] of this.#undo) this.#set(name, topic);
    this.#undo.clear();
  }

  #change(name: string, topic: Topic | undefined): void {
    if (!this.#undo.has(name)) this.#undo.set(name, this.#topics.get(name));
    this.#set(name, topic);
  }

  #set(name: string, topic: Topic | undefined): void {
    if (topic) this.#topics.set(name, topic);
    else this.#topics.delete(name);
  }

  /**
   * Lists topics that hold messages above the floor.
   *
   * @param query which topics
   * @param floor messages up to here do not count
   * @param unpurged some of those messages may not be deleted yet
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
        const { id, messages, seq, time } = this.#topics.get(name)!;
        if (seq <= floor) continue;
        const expired = unpurged ? this.#expired(id, floor) : 0;
        entries.push({ topic: name, messages: messages - expired, seq, time });
        if (entries.length === count) return entries;
      }
      if (names.length < count) break;
      from = names.at(-1)!;
    }
    return entries;
  }

  /** How many messages of a topic that outlives the floor are at or below it. */
  #expired(id: number, floor: number): number {
    const [{ n }] = this.#sql.before.all(id, floor) as [{ n: number }];
    const [{ first }] = this.#sql.around.all(id, floor) as [{ first: number }];
    return n + Math.max(0, floor - first + 1);
  }
}
