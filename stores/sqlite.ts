/**
 * Messages in a SQLite database in memory.
 *
 * @module
 */

import type { TopicEntry } from "../protocol/answers.ts";
import type { Database, Engine } from "./engine.ts";
import { Feed } from "./feed.ts";
import { RunTable } from "./run_table.ts";
import { Span } from "./span.ts";
import { Tail } from "./tail.ts";
import { TopicTable } from "./topic_table.ts";
import {
  type Bounds,
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

/** The first slice of a purge, in messages; it grows while slices take little of the budget. */
const FIRST_SLICE = 16;

/**
 * Keeps messages in a SQLite database in memory.
 *
 * The newest ones stand in a list, the tail, and are moved into the database many at a time: when the tail
 * is long, when someone reads who needs more than the tail, and with every purge. As the list is lost with
 * the process just as the database is, nobody can tell; but whoever puts one message, or reads what was just
 * put, does not wait for SQLite.
 */
export class SqliteStore implements Store {
  readonly epoch: string = crypto.randomUUID();
  readonly kept = "memory";
  readonly description: string;

  readonly #db: Database;
  readonly #topics: TopicTable;
  readonly #retention: number;
  readonly #clock: SqliteOptions["clock"];
  readonly #feed = new Feed();
  readonly #runs: RunTable;
  readonly #span: Span;
  /** All after what is in the database. */
  readonly #tail = new Tail();
  /** Every row up to here is deleted. */
  #purged = 0;
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
    this.#runs = new RunTable(this.#db);
    this.#topics = new TopicTable(this.#db);
    this.#span = new Span((seq) => this.#tail.timeOf(seq) ?? this.#runs.timeOf(seq));
  }

  // deno-lint-ignore require-await -- the contract is asynchronous, SQLite is not
  async append(batch: readonly Put[]): Promise<readonly (Stored | StoreError)[]> {
    if (batch.length === 0) return [];
    try {
      if (this.#closed) throw new Error("the store is closed");
      // Before more is taken: a database that fails is told to the putter, and nothing piles up here.
      if (this.#tail.full) this.#moveTail();
    } catch (error) {
      const failure = because("store messages", error);
      return batch.map(() => failure);
    }
    const time = this.#span.timeAt(this.#now());
    const messages: Message[] = [];
    let seq = this.#span.last;
    for (const { topic, body, bytes } of batch) {
      const message = { seq: ++seq, time, topic, body, bytes };
      messages.push(message);
      this.#tail.add(message);
    }
    this.#span.grow(messages.length, time);
    // Fed before this call is answered: whoever is told that a message is stored finds its readers served.
    this.#feed.bring(messages);
    if (this.#tail.long) this.#tryToMoveTail();
    return messages;
  }

  read(queries: readonly Query[]): Promise<readonly Page[]> {
    return this.#ask("read messages", () => queries.map((query) => this.#page(query)));
  }

  bounds(): Promise<Bounds> {
    return this.#ask(
      "find the last message",
      () => ({ floor: this.#span.floor, last: this.#span.last, recalls: 0 }),
    );
  }

  positionAt(time: number): Promise<number> {
    return this.#ask("find a time", () => this.#span.upTo(time - 1));
  }

  topics(query: TopicQuery): Promise<readonly TopicEntry[]> {
    return this.#ask("list topics", () => {
      this.#moveTail();
      const { floor } = this.#span;
      return this.#topics.list(query, floor, this.#purged < floor || this.#runs.splits(floor));
    });
  }

  trim(budgetMs: number): Promise<boolean> {
    return this.#ask("purge messages", () => {
      const end = performance.now() + budgetMs;
      // What has expired goes first: where the database is full, that makes room for the tail.
      if (!this.#purgeUntil(end, budgetMs / 8)) return true;
      this.#moveTail();
      return !this.#purgeUntil(end, budgetMs / 8);
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

  #moveTail(): void {
    const { messages } = this.#tail;
    if (messages.length === 0) return;
    const kept = messages[0]!.seq > this.#span.floor
      ? messages
      : messages.filter(({ seq }) => seq > this.#span.floor);
    this.#transaction(() => {
      this.#topics.add(kept);
      this.#runs.insert(kept, (topic) => this.#topics.id(topic));
    });
    this.#tail.clear();
  }

  #tryToMoveTail(): void {
    try {
      this.#moveTail();
    } catch {
      // It stays where it is, and the next one who puts is told.
    }
  }

  #page(query: Query): Page {
    const { floor, last } = this.#span;
    const messages = query.after >= last
      ? []
      : this.#messages(query.after < floor ? { ...query, after: floor } : query);
    const full = query.newest !== true && messages.length > 0;
    return {
      messages,
      through: full ? messages.at(-1)!.seq : Math.max(query.after, last),
      floor,
    };
  }

  #messages(query: Query): readonly Message[] {
    if (this.#tail.covers(query.after, this.#span.last)) return this.#tail.read(query);
    this.#moveTail();
    const { topic, after, newest } = query;
    const id = this.#topics.find(topic, after);
    if (id === undefined) return [];
    if (!newest) return this.#runs.oldest({ ...query, id });
    const message = this.#runs.newest(topic, id, after);
    return message ? [message] : [];
  }

  /** Deletes what has expired in the database until a time, in slices of about so many milliseconds; says whether all is gone. */
  #purgeUntil(end: number, sliceMs: number): boolean {
    const upTo = Math.min(this.#span.floor, this.#span.last - this.#tail.messages.length);
    for (let slice = FIRST_SLICE; this.#purged < upTo;) {
      const begin = performance.now();
      if (begin >= end) return false;
      this.#purge(Math.min(this.#purged + slice, upTo));
      if (performance.now() - begin < sliceMs) slice *= 2;
      else slice = Math.max(FIRST_SLICE, slice >> 1);
    }
    return true;
  }

  #purge(upTo: number): void {
    this.#transaction(() => {
      this.#topics.forget(upTo);
      this.#runs.delete(upTo);
    });
    this.#purged = upTo;
    if (upTo === this.#span.last) this.#runs.emptied();
  }

  #now(): number {
    return Math.floor(this.#clock.now());
  }

  #transaction(work: () => void): void {
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
