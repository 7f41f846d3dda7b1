/**
 * Messages in a SQLite database in memory.
 *
 * @module
 */

import type { TopicEntry } from "../protocol/answers.ts";
import type { Database, Engine, Statement } from "./engine.ts";
import { Feed } from "./feed.ts";
import { Span } from "./span.ts";
import { TopicTable } from "./topic_table.ts";
import {
  type Follower,
  type Message,
  type Page,
  type Put,
  type Query,
  type Store,
  type Stored,
  StoreError,
  type TopicQuery,
} from "./store.ts";

/** How a {@linkcode SqliteStore} is opened. */
export interface SqliteOptions {
  readonly engine: Engine;
  /** For how many milliseconds a message is kept. */
  readonly retention: number;
  /** Tells the time, in milliseconds since 1970. */
  readonly clock: { now(): number };
}

const SCHEMA = `
  CREATE TABLE messages (
    seq INTEGER PRIMARY KEY,
    topic INTEGER NOT NULL,
    time INTEGER NOT NULL,
    body TEXT NOT NULL
  );
  CREATE INDEX messages_of_topic ON messages (topic);
`;

/** The first slice of a purge, in messages; it grows while slices take little of the budget. */
const FIRST_SLICE = 16;

/** Keeps messages in a SQLite database in memory. */
export class SqliteStore implements Store {
  readonly epoch: string = crypto.randomUUID();
  readonly kept = "memory";
  readonly description: string;

  readonly #db: Database;
  readonly #topics: TopicTable;
  readonly #retention: number;
  readonly #clock: SqliteOptions["clock"];
  readonly #feed = new Feed();
  readonly #sql: Record<
    "insert" | "insertMany" | "page" | "sizes" | "pageTo" | "newest" | "time" | "delete",
    Statement
  >;

  readonly #span: Span;
  /** Everything up to here is deleted. */
  #purged = 0;
  /** No body is larger than this, in bytes. */
  #largest = 0;
  #closed = false;

  /**
   * Opens a new and empty store.
   *
   * @param options engine, retention and clock
   */
  constructor({ engine, retention, clock }: SqliteOptions) {
    this.description = `memory on ${engine.name}`;
    this.#retention = retention;
    this.#clock = clock;
    this.#db = engine.open(":memory:");
    this.#db.exec(SCHEMA);
    this.#topics = new TopicTable(this.#db);
    const columns = "seq, time, body, octet_length(body) AS bytes";
    this.#sql = {
      insert: this.#db.prepare("INSERT INTO messages VALUES (?, ?, ?, ?)"),
      insertMany: this.#db.prepare(
        "INSERT INTO messages SELECT ? + key, ?, ?, value FROM json_each(?)",
      ),
      page: this.#db.prepare(
        `SELECT ${columns} FROM messages WHERE topic = ? AND seq > ? ORDER BY seq LIMIT ?`,
      ),
      sizes: this.#db.prepare(
        "SELECT seq, octet_length(body) AS bytes FROM messages WHERE topic = ? AND seq > ? ORDER BY seq LIMIT ?",
      ),
      pageTo: this.#db.prepare(
        `SELECT ${columns} FROM messages WHERE topic = ? AND seq > ? AND seq <= ? ORDER BY seq`,
      ),
      newest: this.#db.prepare(
        `SELECT ${columns} FROM messages WHERE topic = ? AND seq > ? ORDER BY seq DESC LIMIT 1`,
      ),
      time: this.#db.prepare("SELECT time FROM messages WHERE seq = ?"),
      delete: this.#db.prepare("DELETE FROM messages WHERE seq <= ?"),
    };
    this.#span = new Span((seq) => (this.#sql.time.all(seq)[0] as { time: number }).time);
  }

  // deno-lint-ignore require-await -- the contract is asynchronous, SQLite is not
  async append(batch: readonly Put[]): Promise<readonly (Stored | StoreError)[]> {
    if (batch.length === 0) return [];
    const time = this.#span.timeAt(this.#now());
    const messages = batch.map(({ topic, body, bytes }, i) => ({
      seq: this.#span.last + 1 + i,
      time,
      topic,
      body,
      bytes,
    }));
    try {
      this.#insert(messages);
    } catch (error) {
      const failure = because("store messages", error);
      return batch.map(() => failure);
    }
    this.#span.grow(messages.length, time);
    for (const { bytes } of messages) if (bytes > this.#largest) this.#largest = bytes;
    // Fed before this call is answered: whoever is told that a message is stored finds its readers served.
    this.#feed.bring(messages);
    return messages;
  }

  read(queries: readonly Query[]): Promise<readonly Page[]> {
    return this.#ask("read messages", () => queries.map((query) => this.#page(query)));
  }

  bounds(): Promise<{ readonly floor: number; readonly last: number }> {
    return this.#ask(
      "find the last message",
      () => ({ floor: this.#span.floor, last: this.#span.last }),
    );
  }

  positionAt(time: number): Promise<number> {
    return this.#ask("find a time", () => this.#span.upTo(time - 1));
  }

  topics(query: TopicQuery): Promise<readonly TopicEntry[]> {
    return this.#ask(
      "list topics",
      () => this.#topics.list(query, this.#span.floor, this.#purged < this.#span.floor),
    );
  }

  trim(budgetMs: number): Promise<boolean> {
    return this.#ask("purge messages", () => {
      const end = performance.now() + budgetMs;
      for (let slice = FIRST_SLICE; this.#purged < this.#span.floor;) {
        const begin = performance.now();
        if (begin >= end) return true;
        this.#purge(Math.min(this.#purged + slice, this.#span.floor));
        if (performance.now() - begin < budgetMs / 8) slice *= 2;
        else slice = Math.max(FIRST_SLICE, slice >> 1);
      }
      return false;
    });
  }

  follow(to: Follower): Promise<{ readonly from: number } & Disposable> {
    return this.#ask("follow", () => this.#feed.follow(to, this.#span.last));
  }

  // deno-lint-ignore require-await -- the contract is asynchronous, SQLite is not
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#feed.close();
    this.#db.close();
  }

  /** Answers a question, with what has expired left out. */
  // deno-lint-ignore require-await -- the contract is asynchronous, SQLite is not
  async #ask<T>(what: string, work: () => T): Promise<T> {
    try {
      if (this.#closed) throw new Error("the store is closed");
      this.#span.expire(this.#now() - this.#retention);
      return work();
    } catch (error) {
      throw because(what, error);
    }
  }

  #insert(messages: readonly Message[]): void {
    this.#transaction(() => {
      for (let i = 0; i < messages.length;) {
        const { seq, time, topic, body } = messages[i]!;
        let end = i + 1;
        while (messages[end]?.topic === topic) end++;
        const id = this.#topics.id(topic);
        if (end === i + 1) {
          this.#sql.insert.run(seq, id, time, body);
        } else {
          const bodies = messages.slice(i, end).map((message) => message.body);
          this.#sql.insertMany.run(seq, id, time, JSON.stringify(bodies));
        }
        this.#topics.count(topic, end - i);
        i = end;
      }
    });
  }

  #page({ topic, after, count, bytes, newest }: Query): Page {
    const floor = this.#span.floor;
    const from = Math.max(after, floor);
    const id = this.#topics.find(topic);
    const rows = id === undefined || from >= this.#span.last
      ? []
      : this.#rows(id, from, count, bytes, newest ?? false);
    const messages = rows.map((row) => ({ ...row, topic }));
    const full = newest !== true && messages.length > 0;
    return {
      messages,
      through: full ? messages.at(-1)!.seq : Math.max(after, this.#span.last),
      floor,
    };
  }

  #rows(
    id: number,
    after: number,
    count: number,
    bytes: number,
    newest: boolean,
  ): Omit<Message, "topic">[] {
    type Row = Omit<Message, "topic">;
    if (newest) return this.#sql.newest.all(id, after) as Row[];
    if (count === 1 || count * this.#largest <= bytes) {
      return this.#sql.page.all(id, after, count) as Row[];
    }
    // Sizes first: what lies beyond the limit is never brought into memory.
    let upTo = 0;
    let total = 0;
    for (const row of this.#sql.sizes.all(id, after, count) as Row[]) {
      total += row.bytes;
      if (total > bytes && upTo > 0) break;
      upTo = row.seq;
    }
    return this.#sql.pageTo.all(id, after, upTo) as Row[];
  }

  #purge(upTo: number): void {
    this.#transaction(() => {
      this.#topics.forget(upTo);
      this.#sql.delete.run(upTo);
    });
    this.#purged = upTo;
    if (upTo === this.#span.last) this.#largest = 0;
  }

  #now(): number {
    return Math.floor(this.#clock.now());
  }

  #transaction(work: () => void): void {
    if (this.#closed) throw new Error("the store is closed");
    this.#db.exec("BEGIN");
    try {
      work();
      this.#db.exec("COMMIT");
    } catch (error) {
      this.#topics.rollback();
      this.#undo();
      throw error;
    }
    this.#topics.commit();
  }

  #undo(): void {
    try {
      this.#db.exec("ROLLBACK");
    } catch {
      // SQLite has done it by itself, as it does where memory or the disk is full.
    }
  }
}

function because(what: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new StoreError(`Cannot ${what}: ${why}`, { cause });
}
