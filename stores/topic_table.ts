/**
 * The topics that have messages: their ids in the database, and how many messages each has, and how large they are.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import type { Database } from "./engine.ts";
import { lastTimeOf } from "./segment_row.ts";
import type { TopicMessage } from "./store.ts";
import { topicStatements } from "./topic_statements.ts";

/** What is known of a topic. */
export interface TopicEntry {
  readonly id: number;
  /** How many messages it has in the table, including expired ones that are not deleted yet. */
  readonly messages: number;
  /** What these count; see `storedSize`. */
  bytes: number;
  /** How many were stored since the table was loaded, or since there was none. */
  readonly stored: number;
  /** Its newest message. */
  readonly seq: number;
  readonly time: number;
  /** How many of its messages are in rows up to `countedTo` and have expired, and what these count. */
  expired: number;
  expiredBytes: number;
  countedTo: number;
}

const NO_MESSAGES = { messages: 0, bytes: 0, stored: 0, expired: 0, expiredBytes: 0, countedTo: 0 };

/** The newest message of a topic that is about to be deleted. */
export interface PurgedTopic {
  readonly topic: string;
  readonly seq: number;
  readonly time: number;
}

/**
 * The table of topics. Outside, topics have names; in the database, messages name their topic by its id.
 *
 * Changes belong to the transaction around them; {@linkcode TopicTable.rollback} undoes them.
 */
export class TopicTable {
  readonly #topics = new NameMap<TopicEntry>();
  /**
   * The same by the number of their newest message, in this order, unless something was undone. In order by name, each message
   * would delete and set its topic: a `Map` finds a key the more slowly the more often that key was deleted.
   */
  #byNewest = new Map<number, TopicEntry>();
  #unordered = false;
  /**
   * Passes once through all of them. After as many changes as there are topics it starts again: an iterator that
   * stands still keeps all tables that its map has had since.
   */
  #walk: Iterator<TopicEntry> | undefined;
  #changes = 0;
  /** The topic that comes next. */
  #walkAt: TopicEntry | undefined;
  /** How many topics have no message after this number, which has expired. */
  #expiredCount = 0;
  /** How many messages its topics have, including expired ones that are not deleted yet. */
  messages = 0;
  #expiredTo = 0;
  /** The value that was committed last. */
  #committedExpiredTo = 0;
  /** The earlier values of what this transaction changed. */
  readonly #undo = new NameMap<TopicEntry | undefined>();
  readonly #sql: ReturnType<typeof topicStatements>;
  #nextId = 1;

  /**
   * Makes the table.
   *
   * @param db an open database that has the table of messages
   */
  constructor(db: Database) {
    this.#sql = topicStatements(db);
  }

  /**
   * Reads which topics there are.
   *
   * @param db the database
   * @param sizes what the messages of each count, by the id of the topic
   * @param timeOf tells when a message was stored
   */
  load(
    db: Database,
    sizes: ReadonlyMap<number, number>,
    timeOf: (seq: number) => number,
  ): void {
    const all = db.prepare(
      "SELECT id, name, sum(last - first + 1) AS messages, max(last) AS seq " +
        "FROM topics JOIN runs ON topic = id GROUP BY id ORDER BY seq",
    );
    for (const row of all.all() as (TopicEntry & { name: string })[]) {
      const { id, name, messages, seq } = row;
      const bytes = sizes.get(id)!;
      const topic = { ...NO_MESSAGES, id, messages, bytes, seq, time: timeOf(seq) };
      this.#topics.set(name, topic);
      this.#byNewest.set(seq, topic);
      this.messages += messages;
      this.#nextId = Math.max(this.#nextId, id + 1);
    }
  }

  /** How many topics there are, including those whose messages have expired and are not deleted yet. */
  get size(): number {
    return this.#topics.size;
  }

  /** How many of these may have messages that have not expired. */
  get liveCount(): number {
    return this.#topics.size - this.#expiredCount;
  }

  /** Finds out which topics have only messages up to a floor; each is looked at once. */
  expireUpTo(floor: number): void {
    if (this.#unordered) this.#sort();
    this.#walk ??= this.#byNewest.values();
    while ((this.#walkAt ??= this.#walk.next().value)) {
      const { seq } = this.#walkAt;
      if (seq > floor) return;
      this.#walkAt = undefined;
      if (seq <= this.#expiredTo) continue;
      this.#expiredCount++;
      this.#expiredTo = seq;
    }
    // An iterator that has ended does not see what is added later.
    this.#endWalk();
  }

  /** The id of a topic, if it has messages after a sequence number. */
  find(name: string, after: number): number | undefined {
    const topic = this.#topics.get(name);
    return topic && topic.seq > after ? topic.id : undefined;
  }

  /** What is known of a topic, if it has messages in the table. */
  get(name: string): TopicEntry | undefined {
    return this.#topics.get(name);
  }

  /** Counts messages that are about to be inserted, and gives each of their topics an id; {@linkcode TopicTable.addRow} follows. */
  add(messages: readonly TopicMessage[]): void {
    for (let i = 0; i < messages.length;) {
      const { topic: name } = messages[i]!;
      let end = i + 1;
      while (messages[end]?.topic === name) end++;
      const { seq, time } = messages[end - 1]!;
      const known = this.#topics.get(name);
      const id = known?.id ?? this.#nextId++;
      if (!known) this.#sql.insert.run(id, name);
      const before = known ?? NO_MESSAGES;
      this.#change(name, known, {
        id,
        messages: before.messages + end - i,
        bytes: before.bytes,
        stored: before.stored + end - i,
        seq,
        time,
        expired: before.expired,
        expiredBytes: before.expiredBytes,
        countedTo: before.countedTo,
      });
      i = end;
    }
  }

  /** Counts the size of a row of messages that were added, in the same transaction; returns the id of its topic. */
  addRow(name: string, size: number): number {
    // Made by `add` in this transaction: to undo that undoes this.
    const topic = this.#topics.get(name)!;
    topic.bytes += size;
    return topic.id;
  }

  /** Corrects how many messages of a topic were stored. */
  setStored(name: string, stored: number): void {
    const topic = this.#topics.get(name);
    if (topic && topic.stored !== stored) this.#change(name, topic, { ...topic, stored });
  }

  /**
   * Subtracts the messages of all rows up to a sequence number, which are about to be deleted.
   *
   * @param upTo the number
   * @param onEmpty gets the topics that have no more messages in the table, and how many of each were stored
   * @returns the newest message of each topic that is about to be deleted, in order
   */
  subtractUpTo(upTo: number, onEmpty: (topic: string, stored: number) => void): PurgedTopic[] {
    const rows = this.#sql.counts.all(upTo) as {
      name: string;
      n: number;
      bytes: number;
      seq: number;
      times: string;
    }[];
    for (const { name, n, bytes } of rows) {
      const topic = this.#topics.get(name)!;
      const counts = topic.countedTo > upTo
        ? { expired: topic.expired - n, expiredBytes: topic.expiredBytes - bytes }
        : { expired: 0, expiredBytes: 0, countedTo: upTo };
      if (this.#subtract(name, n, bytes, counts)) onEmpty(name, topic.stored);
    }
    return rows.map(({ name, seq, times }) => ({ topic: name, seq, time: lastTimeOf(times) }));
  }

  /** Subtracts messages that are purged: all of a topic up to a number, this many, which count so much. */
  purged(name: string, count: number, bytes: number, upTo: number): void {
    // Counted again from there: a row that was split at this number may have been counted in part, or not at all.
    this.#subtract(name, count, bytes, { expired: 0, expiredBytes: 0, countedTo: upTo });
  }

  /** Returns whether none is left: then the topic is removed. */
  #subtract(name: string, count: number, bytes: number, counts: Partial<TopicEntry>): boolean {
    const topic = this.#topics.get(name)!;
    const messages = topic.messages - count;
    const left = { ...topic, ...counts, messages, bytes: topic.bytes - bytes };
    this.#change(name, topic, messages === 0 ? undefined : left);
    if (messages === 0) this.#sql.delete.run(topic.id);
    return messages === 0;
  }

  /** The transaction was committed. */
  commit(): void {
    this.#committedExpiredTo = this.#expiredTo;
    this.#undo.clear();
  }

  /** The transaction was undone. */
  rollback(): void {
    for (const [name, topic] of this.#undo) this.#set(name, this.#topics.get(name), topic);
    // The floor may be lower again, too: then a topic that counts as expired may not be.
    if (this.#undo.size > 0 || this.#expiredTo > this.#committedExpiredTo) this.#countAgain();
    this.#undo.clear();
  }

  #change(name: string, before: TopicEntry | undefined, topic: TopicEntry | undefined): void {
    if (!this.#undo.has(name)) this.#undo.set(name, before);
    this.#set(name, before, topic);
  }

  #set(name: string, before: TopicEntry | undefined, topic: TopicEntry | undefined): void {
    this.messages += (topic?.messages ?? 0) - (before?.messages ?? 0);
    if (before) {
      // A topic that has lost some of its messages keeps its place in the order.
      const isInPlace = before.seq === topic?.seq;
      if (before === this.#walkAt) this.#walkAt = isInPlace ? topic : undefined;
      if (before.seq <= this.#expiredTo) this.#expiredCount--;
      if (!isInPlace) {
        this.#byNewest.delete(before.seq);
        if (this.#walk && ++this.#changes > this.#topics.size) this.#endWalk();
      }
    }
    if (!topic) return void this.#topics.delete(name);
    if (topic.seq <= this.#expiredTo) this.#expiredCount++;
    this.#topics.set(name, topic);
    this.#byNewest.set(topic.seq, topic);
  }

  #endWalk(): void {
    this.#walk = this.#walkAt = undefined;
    this.#changes = 0;
  }

  #sort(): void {
    const sorted = [...this.#byNewest].sort(([one], [other]) => one - other);
    this.#byNewest = new Map(sorted);
    this.#unordered = false;
  }

  /** None counts as expired until all are sorted and looked at again. */
  #countAgain(): void {
    this.#endWalk();
    this.#expiredCount = this.#expiredTo = this.#committedExpiredTo = 0;
    this.#unordered = true;
  }
}
