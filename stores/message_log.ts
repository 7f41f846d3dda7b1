/**
 * What a store holds: messages in the tables of a database, and newer ones on their way there.
 *
 * @module
 */

import type { Database } from "./engine.ts";
import { GoneIndex, newestOfEach } from "./gone_index.ts";
import type { GoneTopics } from "./gone_map.ts";
import { SegmentSizes } from "./segment_sizes.ts";
import { SegmentTable } from "./segment_table.ts";
import { SeqRange, type SeqRangeState } from "./seq_range.ts";
import type { MessagePage, MessageQuery, TopicMessage, TopicQuery } from "./store.ts";
import { StoredBytes } from "./stored_bytes.ts";
import { WriteBuffer } from "./write_buffer.ts";
import { type TopicListing, TopicTable } from "./topic_table.ts";
import { type TransactionHooks, Transactions } from "./transactions.ts";

/** What holdings are made of. */
export interface MessageLogOptions {
  /** For how many milliseconds a message is kept. */
  readonly retention: number;
  /** Takes what is gone of topics. */
  readonly gone: GoneTopics;
  /** Where the messages begin and end that are in the database. */
  readonly start?: SeqRangeState;
  /** What else its transactions do. */
  readonly hooks?: TransactionHooks;
}

/** The slices of a purge, in rows; they grow while they take little of the budget. */
const PURGE_SLICE = { first: 16, max: 1024 };

/**
 * What is changed of a database at most, in bytes of pages: for a row beside the bodies, two pages of indexes if they are
 * large; and for a topic that loses messages, one in each of three indexes, and what is told of it as gone.
 */
const [ROW_BYTES, PURGED_BYTES] = [2 * 4096, 4 * 4096];

/** So many rows that were pushed out are deleted with each commit, beside as many as its puts may bring. */
const PURGED_ROWS = 128;

/** Messages in a database, and those in the tail that come after them. */
export class MessageLog {
  readonly range: SeqRange;
  readonly topics: TopicTable;
  /** All after what is in the database. */
  readonly buffer = new WriteBuffer();
  readonly gone: GoneIndex;
  readonly #transactions: Transactions;
  readonly #segments: SegmentTable;
  readonly #segmentSizes: SegmentSizes;
  readonly #storedBytes: StoredBytes;
  /** Every row up to here is deleted. */
  #purgedTo = 0;
  #writtenBytes = 0;
  /** There may be something to delete that was pushed out. */
  #mayPurge = false;

  /**
   * Makes the tables in a database, or reads what they hold.
   *
   * @param db an open database
   * @param options see {@linkcode MessageLogOptions}
   */
  constructor(db: Database, { retention, gone, start, hooks }: MessageLogOptions) {
    const state = { savepoint: () => this.#savepoint(), commit: () => this.#commit() };
    this.#transactions = new Transactions(db, state, hooks);
    this.#segments = new SegmentTable(db);
    this.topics = new TopicTable(db);
    this.#segmentSizes = new SegmentSizes(db);
    this.gone = new GoneIndex(
      gone,
      { segments: this.#segments, topics: this.topics, buffer: this.buffer },
      retention,
    );
    const timeOf = (seq: number) => this.buffer.timeOf(seq) ?? this.#segments.timeOf(seq);
    if (start) {
      this.#purgedTo = this.#segments.load(start.floor, start.last) - 1;
      this.topics.load(db, timeOf);
    }
    this.range = new SeqRange(timeOf, start);
    this.#storedBytes = new StoredBytes(this.range, this.buffer, this.#segmentSizes);
  }

  /** What is stored, in bytes; some of it may have expired. */
  get bytes(): number {
    return this.#storedBytes.total;
  }

  /** No more than about so many bytes of the database were changed, also in transactions that failed. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** Takes a message of a topic that was admitted, which follows on the last. */
  append(message: TopicMessage, size: number): void {
    this.buffer.add(message);
    this.range.extend(message.time);
    this.#storedBytes.total += size;
  }

  /** Whether a topic holds messages, or certainly fewer do than may, and not too many are in memory that hold none. */
  admitsTopic(topic: string, max: number): boolean {
    const { buffer, topics } = this;
    if (this.#holds(topic)) return true;
    // Topics of the tail may be counted twice here.
    return topics.liveCount + buffer.topics < max && topics.size + buffer.topics < 2 * max;
  }

  /** Finds out whether fewer topics hold messages than may, and frees some that hold none if there are many. */
  makeRoomForTopic(topic: string, max: number): boolean {
    this.flush();
    const { topics } = this;
    topics.expireUpTo(this.range.floor);
    // How far that comes decides nothing: or the answer would depend on when messages are purged.
    if (topics.size >= 2 * max) this.#purgeRows(PURGE_SLICE.max);
    return this.#holds(topic) || topics.liveCount < max;
  }

  /**
   * Counts out what has expired until so much is stored; if that is not enough, the oldest ones are given up, if it is said
   * from when on nobody can read them. {@linkcode MessageLog.purgeEvicted} deletes them.
   */
  shrink(bytes: number, at: number | undefined): void {
    const { range } = this;
    const stored = this.#storedBytes;
    this.#mayPurge = true;
    stored.subtractExpired(bytes);
    if (stored.total <= bytes || at === undefined) return;
    range.raiseFloor(stored.seqCovering(range.floor, stored.total - bytes));
    this.gone.times.drop(range.floor, at);
    stored.subtractUpTo(range.floor);
  }

  /**
   * Deletes what so many puts have pushed out. Where one large message takes the place of very many small ones that
   * would take long: then a part of it, but always more rows than the puts bring.
   */
  purgeEvicted(puts: number): void {
    if (this.#mayPurge) this.#purgeRows(PURGED_ROWS + puts);
    this.#mayPurge = false;
  }

  /** Moves the tail into the database. */
  flush(): void {
    const { messages } = this.buffer;
    if (messages.length === 0) return;
    const { floor } = this.range;
    const expired = this.buffer.messagesUpTo(floor);
    const unexpired = expired.length === 0 ? messages : messages.slice(expired.length);
    this.#writtenBytes += this.buffer.bytes;
    this.transaction(() => {
      this.#storedBytes.subtractUpTo(floor);
      if (expired.length > 0) this.gone.record(newestOfEach(expired));
      this.topics.add(unexpired);
      this.#writtenBytes += ROW_BYTES *
        this.#segments.insert(unexpired, (topic) => this.topics.idOf(topic));
      this.#segmentSizes.rowsChanged();
    });
    this.buffer.clear();
  }

  /** Reads a page of what comes after a floor. */
  page(query: MessageQuery, floor: number): MessagePage {
    const { last } = this.range;
    const messages = query.after >= last
      ? []
      : this.#readMessages(query.after < floor ? { ...query, after: floor } : query);
    const hasMessages = query.newest !== true && messages.length > 0;
    const through = hasMessages ? messages.at(-1)!.seq : Math.max(query.after, last);
    const gone = query.gone && this.gone.find(query.topic, floor);
    return gone ? { messages, through, floor, gone } : { messages, through, floor };
  }

  /** Lists topics that hold messages after a floor, or as many as can be found in short time. */
  list(query: TopicQuery, floor: number): TopicListing {
    this.flush();
    return this.topics.list(query, floor, this.#purgedTo < floor || this.#segments.splits(floor));
  }

  /** Deletes what has expired in the database until a time, in slices of about so many milliseconds; says whether all is gone. */
  purgeUntil(end: number, sliceMs: number): boolean {
    const upTo = Math.min(this.range.floor, this.#lastFlushed);
    for (let rows = PURGE_SLICE.first; this.#purgedTo < upTo;) {
      const begin = performance.now();
      if (begin >= end) return false;
      this.#purge(Math.min(this.#segments.endOf(this.#purgedTo, rows), upTo));
      if (performance.now() - begin < sliceMs) rows = Math.min(PURGE_SLICE.max, 2 * rows);
      else rows = Math.max(PURGE_SLICE.first, rows >> 1);
    }
    return true;
  }

  /** Does work in a transaction; within one, as a part of it. If it fails, nothing of it has happened. */
  transaction(work: () => void): void {
    this.#transactions.run(work);
  }

  /** The last message that is in the database. */
  get #lastFlushed(): number {
    return this.range.last - this.buffer.messages.length;
  }

  /** Whether a topic holds messages, wherever they are. */
  #holds(topic: string): boolean {
    const { floor } = this.range;
    return this.buffer.holds(topic, floor) || this.topics.find(topic, floor) !== undefined;
  }

  #readMessages(query: MessageQuery): readonly TopicMessage[] {
    const { buffer } = this;
    if (buffer.covers(query.after, this.range.last)) return buffer.read(query);
    try {
      this.flush();
    } catch {
      // Where the database takes nothing, what is in it can be read all the same, and the tail after it.
    }
    const found = this.#readDatabase(query);
    if (buffer.messages.length === 0) return found;
    if (query.newest) {
      const newest = buffer.read(query);
      return newest.length > 0 ? newest : found;
    }
    const count = query.count - found.length;
    const bytes = query.bytes - found.reduce((sum, message) => sum + message.bytes, 0);
    if (count === 0 || (found.length > 0 && bytes <= 0)) return found;
    const rest = buffer.read({ ...query, after: this.#lastFlushed, count, bytes });
    // One message always comes, however large: not if there are others before it.
    const fits = found.length === 0 || (rest[0]?.bytes ?? 0) <= bytes;
    return fits ? [...found, ...rest] : found;
  }

  #readDatabase(query: MessageQuery): readonly TopicMessage[] {
    const { topic, after, newest } = query;
    const id = this.topics.find(topic, after);
    if (id === undefined) return [];
    if (!newest) return this.#segments.oldest({ ...query, id });
    const message = this.#segments.newest(topic, id, after);
    return message ? [message] : [];
  }

  /** Deletes what is gone in the next rows. */
  #purgeRows(rows: number): void {
    const upTo = Math.min(this.range.floor, this.#lastFlushed);
    if (!this.#segmentSizes.anyEndBy(upTo)) return;
    this.#purge(Math.min(this.#segments.endOf(this.#purgedTo, rows), upTo));
  }

  #purge(upTo: number): void {
    this.transaction(() => {
      this.#storedBytes.subtractUpTo(upTo);
      const newest = this.topics.subtractUpTo(upTo);
      this.#writtenBytes += PURGED_BYTES * newest.length;
      this.gone.record(newest);
      this.#segments.delete(upTo);
      this.#segmentSizes.rowsChanged();
      this.#purgedTo = Math.max(this.#purgedTo, upTo);
      // A row that the floor splits is still there, with messages of which it was not noted that they are gone.
      this.gone.purgedBefore(() => this.#segments.first ?? this.#lastFlushed + 1);
      if (upTo === this.range.last) this.#segments.emptied();
    });
  }

  /** Remembers what is in memory; what comes back makes it so again, for what came to the tail since is void. */
  #savepoint(): () => void {
    const purgedTo = this.#purgedTo;
    const undoStored = this.#storedBytes.savepoint();
    const undoRange = this.range.savepoint();
    const undoGone = this.gone.savepoint();
    const { last } = this.range;
    return () => {
      // The order counts: a span that is shorter has no messages that the tail still has.
      undoRange();
      undoGone();
      this.buffer.truncate(last);
      this.#purgedTo = purgedTo;
      undoStored();
      this.topics.rollback();
      this.#segments.rolledBack();
      this.#segmentSizes.rolledBack();
    };
  }

  /** What was done to what is in memory holds. */
  #commit(): void {
    this.topics.commit();
    this.gone.commit();
  }
}
