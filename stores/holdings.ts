/**
 * What a store holds: messages in the tables of a database, and newer ones on their way there.
 *
 * @module
 */

import type { Database } from "./engine.ts";
import { GoneIndex, newestOfEach } from "./gone_index.ts";
import type { GoneTopics } from "./gone_map.ts";
import { RunSizes } from "./run_sizes.ts";
import { RunTable } from "./run_table.ts";
import { type Extent, Span } from "./span.ts";
import type { Message, Page, Query, TopicQuery } from "./store.ts";
import { StoredBytes } from "./stored_bytes.ts";
import { Tail } from "./tail.ts";
import { type Listed, TopicTable } from "./topic_table.ts";
import { type Ending, Transactions } from "./transactions.ts";

/** What holdings are made of. */
export interface HoldingsOptions {
  /** For how many milliseconds a message is kept. */
  readonly retention: number;
  /** Takes what is gone of topics. */
  readonly gone: GoneTopics;
  /** Where the messages begin and end that are in the database. */
  readonly start?: Extent;
  /** What else its transactions do. */
  readonly ending?: Ending;
}

/** The slices of a purge, in rows; they grow while they take little of the budget. */
const SLICE = { first: 16, most: 1024 };

/**
 * What is changed of a database at most, in bytes of pages: for a row beside the bodies, two pages of indexes if they are
 * large; and for a topic that loses messages, one in each of three indexes, and what is told of it as gone.
 */
const [ROW_BYTES, PURGED_BYTES] = [2 * 4096, 4 * 4096];

/** So many rows that were pushed out are deleted with each commit, beside as many as its puts may bring. */
const PURGED_ROWS = 128;

/** Messages in a database, and those in the tail that come after them. */
export class Holdings {
  readonly span: Span;
  readonly topics: TopicTable;
  /** All after what is in the database. */
  readonly tail = new Tail();
  readonly gone: GoneIndex;
  readonly #transactions: Transactions;
  readonly #runs: RunTable;
  readonly #sizes: RunSizes;
  readonly #stored: StoredBytes;
  /** Every row up to here is deleted. */
  #purged = 0;
  #written = 0;
  /** There may be something to delete that was pushed out. */
  #shrunk = false;

  /**
   * Makes the tables in a database, or reads what they hold.
   *
   * @param db an open database
   * @param options see {@linkcode HoldingsOptions}
   */
  constructor(db: Database, { retention, gone, start, ending }: HoldingsOptions) {
    const inMemory = { mark: () => this.#mark(), commit: () => this.#commit() };
    this.#transactions = new Transactions(db, inMemory, ending);
    this.#runs = new RunTable(db);
    this.topics = new TopicTable(db);
    this.#sizes = new RunSizes(db);
    this.gone = new GoneIndex(
      gone,
      { runs: this.#runs, topics: this.topics, tail: this.tail },
      retention,
    );
    const timeOf = (seq: number) => this.tail.timeOf(seq) ?? this.#runs.timeOf(seq);
    if (start) {
      this.#purged = this.#runs.load(start.floor, start.last) - 1;
      this.topics.load(db, timeOf);
    }
    this.span = new Span(timeOf, start);
    this.#stored = new StoredBytes(this.span, this.tail, this.#sizes);
  }

  /** What is stored, in bytes; some of it may have expired. */
  get bytes(): number {
    return this.#stored.total;
  }

  /** No more than about so many bytes of the database were changed, also in transactions that failed. */
  get written(): number {
    return this.#written;
  }

  /** Takes a message of a topic that was admitted, which follows on the last. */
  take(message: Message, size: number): void {
    this.tail.add(message);
    this.span.grow(1, message.time);
    this.#stored.total += size;
  }

  /** Whether a topic holds messages, or certainly fewer do than may. */
  admitsTopic(topic: string, most: number): boolean {
    const { tail, topics } = this;
    const { floor } = this.span;
    if (tail.has(topic) || topics.find(topic, floor) !== undefined) return true;
    // Topics of the tail may be counted twice here; and those that hold nothing any more are bounded as well.
    return topics.living + tail.topics < most && topics.size + tail.topics < 2 * most;
  }

  /** Admits a topic that holds nothing, once those have gone that have expired, if fewer hold messages than may. */
  makeRoomForTopic(topic: string, most: number): boolean {
    this.moveTail();
    this.topics.bury(this.span.floor);
    if (this.topics.size >= 2 * most) this.#purgeRows(SLICE.most);
    return this.admitsTopic(topic, most);
  }

  /**
   * Counts out what has expired until so much is stored; if that is not enough, the oldest ones are given up, if it is said
   * when. {@linkcode Holdings.settle} deletes them.
   */
  shrink(bytes: number, at: number | undefined): void {
    const { span } = this;
    const stored = this.#stored;
    this.#shrunk = true;
    stored.countOutExpired(bytes);
    if (stored.total <= bytes || at === undefined) return;
    span.raise(stored.reach(span.floor, stored.total - bytes));
    this.gone.times.drop(span.floor, at);
    stored.countOut(span.floor);
  }

  /**
   * Deletes what so many puts have pushed out. Where one large message takes the place of very many small ones that
   * would take long: then a part of it, but always more rows than the puts bring.
   */
  settle(puts: number): void {
    if (this.#shrunk) this.#purgeRows(PURGED_ROWS + puts);
    this.#shrunk = false;
  }

  /** Moves the tail into the database. */
  moveTail(): void {
    const { messages } = this.tail;
    if (messages.length === 0) return;
    const { floor } = this.span;
    const gone = this.tail.upTo(floor);
    const kept = gone.length === 0 ? messages : messages.slice(gone.length);
    this.#written += this.tail.bytes;
    this.transaction(() => {
      this.#stored.countOut(floor);
      if (gone.length > 0) this.gone.note(newestOfEach(gone));
      this.topics.add(kept);
      this.#written += ROW_BYTES * this.#runs.insert(kept, (topic) => this.topics.id(topic));
      this.#sizes.changed();
    });
    this.tail.clear();
  }

  /** Reads a page. */
  page(query: Query): Page {
    const { floor, last } = this.span;
    const messages = query.after >= last
      ? []
      : this.#messages(query.after < floor ? { ...query, after: floor } : query);
    const full = query.newest !== true && messages.length > 0;
    const through = full ? messages.at(-1)!.seq : Math.max(query.after, last);
    const gone = query.gone && this.gone.of(query.topic, floor);
    return gone ? { messages, through, floor, gone } : { messages, through, floor };
  }

  /** Lists topics, or as many as can be found in short time. */
  list(query: TopicQuery): Listed {
    this.moveTail();
    const { floor } = this.span;
    return this.topics.list(query, floor, this.#purged < floor || this.#runs.splits(floor));
  }

  /** Deletes what has expired in the database until a time, in slices of about so many milliseconds; says whether all is gone. */
  purgeUntil(end: number, sliceMs: number): boolean {
    const upTo = Math.min(this.span.floor, this.#lastMoved);
    for (let rows = SLICE.first; this.#purged < upTo;) {
      const begin = performance.now();
      if (begin >= end) return false;
      this.#purge(Math.min(this.#runs.endOf(this.#purged, rows), upTo));
      if (performance.now() - begin < sliceMs) rows = Math.min(SLICE.most, 2 * rows);
      else rows = Math.max(SLICE.first, rows >> 1);
    }
    return true;
  }

  /** Does work in a transaction; within one, as a part of it. If it fails, nothing of it has happened. */
  transaction(work: () => void): void {
    this.#transactions.run(work);
  }

  /** The last message that is in the database. */
  get #lastMoved(): number {
    return this.span.last - this.tail.messages.length;
  }

  #messages(query: Query): readonly Message[] {
    const { tail } = this;
    if (tail.covers(query.after, this.span.last)) return tail.read(query);
    try {
      this.moveTail();
    } catch {
      // Where the database takes nothing, what is in it can be read all the same, and the tail after it.
    }
    const found = this.#inDatabase(query);
    if (tail.messages.length === 0) return found;
    if (query.newest) {
      const newest = tail.read(query);
      return newest.length > 0 ? newest : found;
    }
    const count = query.count - found.length;
    const bytes = query.bytes - found.reduce((sum, message) => sum + message.bytes, 0);
    if (count === 0 || (found.length > 0 && bytes <= 0)) return found;
    const rest = tail.read({ ...query, after: this.#lastMoved, count, bytes });
    // One message always comes, however large: not if there are others before it.
    const fits = found.length === 0 || (rest[0]?.bytes ?? 0) <= bytes;
    return fits ? [...found, ...rest] : found;
  }

  #inDatabase(query: Query): readonly Message[] {
    const { topic, after, newest } = query;
    const id = this.topics.find(topic, after);
    if (id === undefined) return [];
    if (!newest) return this.#runs.oldest({ ...query, id });
    const message = this.#runs.newest(topic, id, after);
    return message ? [message] : [];
  }

  /** Deletes what is gone in the next rows. */
  #purgeRows(rows: number): void {
    const upTo = Math.min(this.span.floor, this.#lastMoved);
    if (!this.#sizes.endBy(upTo)) return;
    this.#purge(Math.min(this.#runs.endOf(this.#purged, rows), upTo));
  }

  #purge(upTo: number): void {
    this.transaction(() => {
      this.#stored.countOut(upTo);
      const newest = this.topics.forget(upTo);
      this.#written += PURGED_BYTES * newest.length;
      this.gone.note(newest);
      this.#runs.delete(upTo);
      this.#sizes.changed();
      this.#purged = Math.max(this.#purged, upTo);
      // A row that the floor splits is still there, with messages of which it was not noted that they are gone.
      this.gone.purgedBefore(() => this.#runs.first ?? this.#lastMoved + 1);
      if (upTo === this.span.last) this.#runs.emptied();
    });
  }

  /** Remembers what is in memory; what comes back makes it so again, for what came to the tail since is void. */
  #mark(): () => void {
    const purged = this.#purged;
    const undoStored = this.#stored.mark();
    const undoSpan = this.span.mark();
    const undoGone = this.gone.mark();
    const { last } = this.span;
    return () => {
      // The order counts: a span that is shorter has no messages that the tail still has.
      undoSpan();
      undoGone();
      this.tail.cut(last);
      this.#purged = purged;
      undoStored();
      this.topics.rollback();
      this.#runs.undone();
      this.#sizes.undone();
    };
  }

  /** What was done to what is in memory holds. */
  #commit(): void {
    this.topics.commit();
    this.gone.commit();
  }
}
