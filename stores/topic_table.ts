/**
 * The topics that have messages: their ids in the database, and how many messages each has.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import type { TopicInfo } from "../protocol/topic_info.ts";
import type { Database } from "./engine.ts";
import { lastTimeOf } from "./segment_row.ts";
import type { TopicMessage, TopicQuery } from "./store.ts";
import { topicStatements } from "./topic_statements.ts";

interface Topic {
  readonly id: number;
  readonly messages: number;
  /** Its newest message. */
  readonly seq: number;
  readonly time: number;
  /** How many of its messages are in rows up to `countedTo` and have expired. */
  expired: number;
  countedTo: number;
}

/** A part of a listing. */
export interface TopicListing {
  readonly topics: readonly TopicInfo[];
  /** Where the listing continues; absent if everything was found that was asked for, or that there is. */
  readonly after?: string;
}

/** How much is looked at for one part of a listing: names, or rows of expired messages, of which each counts as a part. */
const LISTING_BUDGET = { names: 2000, rows: 4096, rowCost: 1 / 4, countCost: 10 };

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
  /** Ordered by their newest messages, unless something was undone. */
  readonly #topics = new NameMap<Topic>();
  #unordered = false;
  /**
   * Passes once through all of them. After as many changes as there are topics it starts again: an iterator that
   * stands still keeps all tables that its map has had since.
   */
  #walk: Iterator<Topic> | undefined;
  #changes = 0;
  /** The topic that comes next. */
  #walkAt: Topic | undefined;
  /** How many topics have no message after this number, which has expired. */
  #expiredCount = 0;
  /** How many messages its topics have, including expired ones that are not deleted yet. */
  messages = 0;
  #expiredTo = 0;
  /** The value that was committed last. */
  #committedExpiredTo = 0;
  /** The earlier values of what this transaction changed. */
  readonly #undo = new NameMap<Topic | undefined>();
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
   * @param timeOf tells when a message was stored
   */
  load(db: Database, timeOf: (seq: number) => number): void {
    const all = db.prepare(
      "SELECT id, name, sum(last - first + 1) AS messages, max(last) AS seq " +
        "FROM topics JOIN runs ON topic = id GROUP BY id ORDER BY seq",
    );
    for (const row of all.all() as (Topic & { name: string })[]) {
      const { id, name, messages, seq } = row;
      this.#topics.set(name, { id, messages, seq, time: timeOf(seq), expired: 0, countedTo: 0 });
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
    this.#walk ??= this.#topics.values();
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

  /** Of a topic, how many messages it has, and the newest one. */
  get(name: string): { readonly messages: number; readonly seq: number } | undefined {
    return this.#topics.get(name);
  }

  /** Counts messages that are about to be inserted, and gives each of their topics an id. */
  add(messages: readonly TopicMessage[]): void {
    for (let i = 0; i < messages.length;) {
      const { topic: name } = messages[i]!;
      let end = i + 1;
      while (messages[end]?.topic === name) end++;
      const { seq, time } = messages[end - 1]!;
      const known = this.#topics.get(name);
      const id = known?.id ?? this.#nextId++;
      if (!known) this.#sql.insert.run(id, name);
      const count = (known?.messages ?? 0) + end - i;
      const { expired, countedTo } = known ?? { expired: 0, countedTo: 0 };
      this.#change(name, known, { id, messages: count, seq, time, expired, countedTo });
      i = end;
    }
  }

  /** The id of a topic to which messages were added. */
  idOf(name: string): number {
    return this.#topics.get(name)!.id;
  }

  /**
   * Subtracts the messages of all rows up to a sequence number, which are about to be deleted; returns the newest of
   * each topic, in order.
   */
  subtractUpTo(upTo: number): PurgedTopic[] {
    const rows = this.#sql.counts.all(upTo) as {
      name: string;
      n: number;
      seq: number;
      times: string;
    }[];
    for (const { name, n } of rows) {
      const topic = this.#topics.get(name)!;
      const messages = topic.messages - n;
      const counts = topic.countedTo > upTo
        ? { expired: topic.expired - n, countedTo: topic.countedTo }
        : { expired: 0, countedTo: upTo };
      // A topic without messages is removed.
      this.#change(name, topic, messages === 0 ? undefined : { ...topic, ...counts, messages });
      if (messages === 0) this.#sql.delete.run(topic.id);
    }
    return rows.map(({ name, seq, times }) => ({ topic: name, seq, time: lastTimeOf(times) }));
  }

  /** Subtracts messages that are purged: all of a topic up to a number, this many. */
  purged(name: string, count: number, upTo: number): void {
    const topic = this.#topics.get(name)!;
    const messages = topic.messages - count;
    // Counted again from there: a row that was split at this number may have been counted in part, or not at all.
    const counts = { expired: 0, countedTo: upTo };
    this.#change(name, topic, messages === 0 ? undefined : { ...topic, ...counts, messages });
    if (messages === 0) this.#sql.delete.run(topic.id);
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

  #change(name: string, before: Topic | undefined, topic: Topic | undefined): void {
    if (!this.#undo.has(name)) this.#undo.set(name, before);
    this.#set(name, before, topic);
  }

  #set(name: string, before: Topic | undefined, topic: Topic | undefined): void {
    this.messages += (topic?.messages ?? 0) - (before?.messages ?? 0);
    if (before) {
      // A topic that has lost some of its messages keeps its place in the order.
      const isInPlace = before.seq === topic?.seq;
      if (before === this.#walkAt) this.#walkAt = isInPlace ? topic : undefined;
      if (before.seq <= this.#expiredTo) this.#expiredCount--;
      if (!isInPlace) {
        this.#topics.delete(name);
        if (this.#walk && ++this.#changes > this.#topics.size) this.#endWalk();
      }
    }
    if (!topic) return;
    if (topic.seq <= this.#expiredTo) this.#expiredCount++;
    this.#topics.set(name, topic);
  }

  #endWalk(): void {
    this.#walk = this.#walkAt = undefined;
    this.#changes = 0;
  }

  #sort(): void {
    const sorted = [...this.#topics].sort(([, one], [, other]) => one.seq - other.seq);
    this.#topics.clear();
    for (const [name, topic] of sorted) this.#topics.set(name, topic);
    this.#unordered = false;
  }

  /** None counts as expired until all are sorted and looked at again. */
  #countAgain(): void {
    this.#endWalk();
    this.#expiredCount = this.#expiredTo = this.#committedExpiredTo = 0;
    this.#unordered = true;
  }

  /**
   * Lists topics that have messages above the floor, or as many as can be found in a short time.
   *
   * @param query which topics
   * @param floor messages up to here do not count
   * @param unpurged whether some of those messages may not be deleted yet
   * @returns at most as many as were asked for
   */
  list({ prefix, after, count }: TopicQuery, floor: number, unpurged: boolean): TopicListing {
    const topics: TopicInfo[] = [];
    let budget = LISTING_BUDGET.names;
    for (let from = after; topics.length < count;) {
      const max = Math.min(budget, Math.max(64, count - topics.length));
      const names = this.#sql.names.all(from, prefix, max) as { name: string }[];
      for (const { name } of names) {
        if (!name.startsWith(prefix)) return { topics };
        const topic = this.#topics.get(name)!;
        budget--;
        if (topic.seq > floor) {
          const { messages, seq, time } = topic;
          if (unpurged) budget -= this.#countExpired(topic, floor);
          // There are more to count: the count so far is kept for the next part of the listing.
          if (unpurged && topic.countedTo < floor) return { topics, after: from };
          const expired = unpurged ? topic.expired + this.#expiredInSplitRow(topic, floor) : 0;
          topics.push({ topic: name, messages: messages - expired, seq, time });
        }
        if (topics.length === count) return { topics };
        from = name;
        if (budget <= 0) return { topics, after: from };
      }
      if (names.length < max) break;
    }
    return { topics };
  }

  /** Counts the messages of a topic in rows up to the floor, or some of them; returns how much work it was. */
  #countExpired(topic: Topic, floor: number): number {
    if (topic.countedTo >= floor) return LISTING_BUDGET.countCost;
    const found = this.#sql.before.all(topic.id, topic.countedTo, floor, LISTING_BUDGET.rows);
    const [{ n, rows, upTo }] = found as [{ n: number; rows: number; upTo: number }];
    topic.expired += n;
    topic.countedTo = rows < LISTING_BUDGET.rows ? floor : upTo;
    return LISTING_BUDGET.countCost + rows * LISTING_BUDGET.rowCost;
  }

  /** How many messages up to the floor share a row with later ones. */
  #expiredInSplitRow({ id }: Topic, floor: number): number {
    const [{ first }] = this.#sql.around.all(id, floor) as [{ first: number }];
    return Math.max(0, floor - first + 1);
  }
}
