/**
 * The messages of a store: those in the tables of a database, and newer ones in the write buffer.
 *
 * @module
 */

import type { Database } from "./engine.ts";
import { GoneIndex, newestOfEach } from "./gone_index.ts";
import type { MessageLogOptions } from "./message_log_options.ts";
import { PrefixPages } from "./prefix_pages.ts";
import { MessageIds } from "./message_ids.ts";
import { SegmentSizes } from "./segment_sizes.ts";
import { SegmentTable } from "./segment_table.ts";
import { SeqRange } from "./seq_range.ts";
import type { TopicMessage, TopicQuery } from "./store.ts";
import { StoredBytes } from "./stored_bytes.ts";
import { WriteBuffer } from "./write_buffer.ts";
import { TopicPurge } from "./topic_purge.ts";
import { TopicLister, type TopicListing } from "./topic_listing.ts";
import { TopicPages } from "./topic_pages.ts";
import { TopicTable } from "./topic_table.ts";
import { Transactions } from "./transactions.ts";

/** The slices of a purge, in rows; they grow while they take little of the budget. */
const PURGE_SLICE = { first: 16, max: 1024 };

/**
 * How much of a database changes at most, in bytes of pages. A row: two pages of indexes besides its bodies. A topic
 * that loses messages: a page in each of three indexes, and one for what is remembered of it as gone.
 */
const [ROW_BYTES, PURGED_BYTES] = [2 * 4096, 4 * 4096];

/** With each commit, this many evicted rows are deleted, besides as many as its puts may add. */
const PURGED_ROWS = 128;

/** Messages in a database, and those in the buffer that come after them. */
export class MessageLog {
  readonly range: SeqRange;
  readonly topics: TopicTable;
  readonly #lister: TopicLister;
  readonly pages: TopicPages;
  /** The messages after those in the database. */
  readonly buffer = new WriteBuffer();
  readonly gone: GoneIndex;
  /** Of these messages. */
  readonly ids: MessageIds;
  readonly #db: Database;
  #prefixes: PrefixPages | undefined;
  #topicPurge: TopicPurge | undefined;
  readonly #transactions: Transactions;
  readonly segments: SegmentTable;
  readonly segmentSizes: SegmentSizes;
  readonly storedBytes: StoredBytes;
  /** All rows up to here are deleted. */
  #purgedTo = 0;
  /** At most about this many bytes of the database were changed, including transactions that failed. */
  writtenBytes = 0;
  /** Nothing after this number is deleted, gone or not: groups may need it. */
  neededAfter = Infinity;
  /** There may be evicted messages to delete. */
  #mayPurge = false;

  /**
   * Makes the tables in a database, or reads what they hold.
   *
   * @param db an open database
   * @param options see {@linkcode MessageLogOptions}
   */
  constructor(db: Database, options: MessageLogOptions) {
    const { retention, gone, start, seed, hooks, isInTransaction = false } = options;
    const state = { savepoint: () => this.#savepoint(), commit: () => this.#commit() };
    this.#db = db;
    this.#transactions = new Transactions(isInTransaction ? undefined : db, state, hooks);
    this.segments = new SegmentTable(db);
    this.ids = new MessageIds(db, this, seed);
    this.topics = new TopicTable(db);
    this.segmentSizes = new SegmentSizes(db);
    this.#lister = new TopicLister(db, this.topics, this.segmentSizes);
    this.gone = new GoneIndex(gone, this, retention, start ? start.clock + 1 : 0);
    const timeOf = (seq: number) => this.buffer.timeOf(seq) ?? this.segments.timeOf(seq);
    let storedBytes = 0;
    if (start) {
      this.#purgedTo = this.segments.load(start.floor, start.last) - 1;
      const { total, ofTopics } = this.segmentSizes.addUp(start.floor);
      this.topics.load(db, ofTopics, timeOf);
      storedBytes = total;
    }
    this.range = new SeqRange(timeOf, start);
    this.storedBytes = new StoredBytes(this.range, this.buffer, this.segmentSizes, storedBytes);
    this.pages = new TopicPages(this);
  }

  /** Reads what a prefix asks for. Prepared by the first reader: most stores have none. */
  get prefixes(): PrefixPages {
    return this.#prefixes ??= new PrefixPages(this.#db, this.segments, this);
  }

  /** Prepared by the first purge: most stores have none. */
  get topicPurge(): TopicPurge {
    return this.#topicPurge ??= new TopicPurge(this.#db, this);
  }

  /** What fails now fails with a transaction that is under way: see {@linkcode Transactions.isUnderWay}. */
  get isInTransaction(): boolean {
    return this.#transactions.isUnderWay;
  }

  /** The stored bytes; some of the messages may have expired. */
  get bytes(): number {
    return this.storedBytes.total;
  }

  /** Appends a message whose topic and size were admitted. */
  append(message: TopicMessage, size: number): void {
    this.buffer.add(message);
    this.range.extend(message.time);
    this.storedBytes.total += size;
  }

  /**
   * Whether a topic has messages, or certainly fewer topics do than may, and not too many empty ones are in memory.
   */
  admitsTopic(topic: string, max: number): boolean {
    const { buffer, topics } = this;
    if (this.#holds(topic)) return true;
    // Topics in the buffer may be counted twice here.
    return topics.liveCount + buffer.topics < max && topics.size + buffer.topics < 2 * max;
  }

  /** Finds out whether fewer topics have messages than may, and frees some empty ones if there are many. */
  makeRoomForTopic(topic: string, max: number): boolean {
    this.flush();
    const { topics } = this;
    topics.expireUpTo(this.range.floor);
    // How far the purge comes must not decide anything: or the result would depend on when messages are purged.
    if (topics.size >= 2 * max) this.#purgeRows(PURGE_SLICE.max);
    return this.#holds(topic) || topics.liveCount < max;
  }

  /**
   * Subtracts expired messages until at most this much is stored. If that is not enough and a time is given, evicts
   * the oldest messages; from that time on they are gone. {@linkcode MessageLog.purgeEvicted} deletes them.
   */
  shrink(bytes: number, at: number | undefined): void {
    const { range } = this;
    const stored = this.storedBytes;
    this.#mayPurge = true;
    stored.subtractExpired(bytes);
    if (stored.total <= bytes || at === undefined) return;
    range.raiseFloor(stored.seqCovering(range.floor, stored.total - bytes));
    this.gone.times.drop(range.floor, at);
    stored.subtractUpTo(range.floor);
  }

  /**
   * Deletes what puts have evicted. If one large message replaces very many small ones, only a part: to delete them
   * all would take long. It is always more rows than the puts add.
   */
  purgeEvicted(puts: number): void {
    if (this.#mayPurge) this.#purgeRows(PURGED_ROWS + puts);
    this.#mayPurge = false;
  }

  /** Moves the buffer into the database. */
  flush(): void {
    const { messages } = this.buffer;
    if (messages.length === 0) return;
    const { floor } = this.range;
    const expired = this.buffer.messagesUpTo(Math.min(floor, this.neededAfter));
    const unexpired = expired.length === 0 ? messages : messages.slice(expired.length);
    this.writtenBytes += this.buffer.bytes;
    this.transaction(() => {
      this.storedBytes.subtractUpTo(floor);
      if (expired.length > 0) this.gone.record(newestOfEach(expired));
      for (const { topic } of expired) {
        this.buffer.countFrom(topic, this.topics.get(topic)?.stored ?? 0);
      }
      this.topics.add(unexpired);
      this.writtenBytes += ROW_BYTES *
        this.segments.insert(unexpired, (topic, size) => this.topics.addRow(topic, size));
      for (const [topic, stored] of this.buffer.counted()) this.topics.setStored(topic, stored);
      this.segmentSizes.rowsChanged();
    });
    this.buffer.clear();
  }

  /** Lists topics that have messages after a floor, or as many as can be found in a short time. */
  list(query: TopicQuery, floor: number): TopicListing {
    this.flush();
    return this.#lister.list(query, floor, this.#purgedTo < floor || this.segments.splits(floor));
  }

  /**
   * Deletes expired messages in the database until a time, in slices of about this many milliseconds; returns whether
   * all are deleted.
   */
  purgeUntil(end: number, sliceMs: number): boolean {
    const upTo = this.#deletable;
    for (let rows = PURGE_SLICE.first; this.#purgedTo < upTo;) {
      const begin = performance.now();
      if (begin >= end) return false;
      this.#purge(Math.min(this.segments.endOf(this.#purgedTo, rows), upTo));
      if (performance.now() - begin < sliceMs) rows = Math.min(PURGE_SLICE.max, 2 * rows);
      else rows = Math.max(PURGE_SLICE.first, rows >> 1);
    }
    return true;
  }

  /** Runs work in a transaction, or as a part of the one that is running. If it fails, nothing of it has happened. */
  transaction(work: () => void): void {
    this.#transactions.run(work);
  }

  /** The last message in the database. */
  get #lastFlushed(): number {
    return this.range.last - this.buffer.messages.length;
  }

  /** The last message in the database that may be deleted. */
  get #deletable(): number {
    return Math.min(this.range.floor, this.#lastFlushed, this.neededAfter);
  }

  /** Whether a topic has messages, in the buffer or in the database. If not, those to come are counted anew. */
  #holds(topic: string): boolean {
    const { buffer, range: { floor } } = this;
    if (buffer.holds(topic, floor)) return true;
    const known = this.topics.get(topic);
    if (known && known.seq > floor) return true;
    if (known || buffer.has(topic)) buffer.countAnew(topic);
    return false;
  }

  /** Deletes what is gone in the next rows. */
  #purgeRows(rows: number): void {
    const upTo = this.#deletable;
    if (!this.segmentSizes.anyEndBy(upTo)) return;
    this.#purge(Math.min(this.segments.endOf(this.#purgedTo, rows), upTo));
  }

  #purge(upTo: number): void {
    this.transaction(() => {
      this.storedBytes.subtractUpTo(upTo);
      const newest = this.topics.subtractUpTo(
        upTo,
        (topic, stored) => this.buffer.countFrom(topic, stored),
      );
      this.writtenBytes += PURGED_BYTES * newest.length;
      this.gone.record(newest);
      this.segments.delete(upTo);
      this.ids.delete(1, upTo);
      this.segmentSizes.rowsChanged();
      this.#purgedTo = Math.max(this.#purgedTo, upTo);
      // A row with the floor inside is still there, and has messages that are gone and not recorded as such.
      this.gone.purgedBefore(() => this.segments.first ?? this.#lastFlushed + 1);
      if (upTo === this.range.last) this.segments.emptied();
    });
  }

  /** Saves the state in memory; the result restores it, and drops what came to the buffer since. */
  #savepoint(): () => void {
    const [purgedTo, mayPurge, { last }] = [this.#purgedTo, this.#mayPurge, this.range];
    const undoStored = this.storedBytes.savepoint();
    const undoRange = this.range.savepoint();
    const undoGone = this.gone.savepoint();
    return () => {
      // The order matters: a shorter range has no messages that are still in the buffer.
      undoRange();
      undoGone();
      this.buffer.truncate(last);
      this.#purgedTo = purgedTo;
      this.#mayPurge = mayPurge;
      undoStored();
      this.topics.rollback();
      this.segments.rolledBack();
      this.segmentSizes.rolledBack();
    };
  }

  /** The changes of the state in memory are final. */
  #commit(): void {
    this.topics.commit();
    this.gone.commit();
  }
}
