/**
 * How topics are listed: in parts, each of which takes a short time.
 *
 * @module
 */

import type { StoredTopic } from "../protocol/topic_info.ts";
import type { Database, Statement } from "./engine.ts";
import type { SegmentSizes } from "./segment_sizes.ts";
import type { TopicQuery } from "./store.ts";
import type { TopicEntry } from "./topic_table.ts";

/** A part of a listing. */
export interface TopicListing {
  readonly topics: readonly StoredTopic[];
  /** Where the listing continues; absent if everything was found that was asked for, or that there is. */
  readonly after?: string;
}

/** The topics of a store. */
interface Topics {
  get(name: string): TopicEntry | undefined;
}

/**
 * How much is looked at for one part of a listing: names, or rows of expired messages, of which each counts as several: their
 * sizes are not in the index.
 */
const LISTING_BUDGET = { names: 2000, rows: 512, rowCost: 3, countCost: 10 };

/** Lists topics. What has expired and is not deleted yet counts neither as messages nor as bytes. */
export class TopicLister {
  readonly #topics: Topics;
  readonly #sizes: SegmentSizes;
  readonly #sql: Record<"names" | "before", Statement>;

  /**
   * Prepares to look into a database.
   *
   * @param db an open database that has the tables of messages and topics
   * @param topics what is known of each topic
   * @param sizes the sizes of the messages
   */
  constructor(db: Database, topics: Topics, sizes: SegmentSizes) {
    this.#topics = topics;
    this.#sizes = sizes;
    this.#sql = {
      names: db.prepare(
        "SELECT name FROM topics WHERE name > ? AND name >= ? ORDER BY name LIMIT ?",
      ),
      before: db.prepare(
        "SELECT coalesce(sum(last - first + 1), 0) AS n, coalesce(sum(size), 0) AS bytes, " +
          "count(*) AS rows, max(last) AS upTo FROM " +
          "(SELECT last, first, size FROM runs WHERE topic = ? AND last > ? AND last <= ? ORDER BY last LIMIT ?)",
      ),
    };
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
    const topics: StoredTopic[] = [];
    let budget = LISTING_BUDGET.names;
    for (let from = after; topics.length < count;) {
      const max = Math.min(budget, Math.max(64, count - topics.length));
      const names = this.#sql.names.all(from, prefix, max) as { name: string }[];
      for (const { name } of names) {
        if (!name.startsWith(prefix)) return { topics };
        const topic = this.#topics.get(name)!;
        budget--;
        if (topic.seq > floor) {
          if (unpurged) budget -= this.#countExpired(topic, floor);
          // There are more to count: the count so far is kept for the next part of the listing.
          if (unpurged && topic.countedTo < floor) return { topics, after: from };
          topics.push(this.#infoOf(name, topic, floor, unpurged));
        }
        if (topics.length === count) return { topics };
        from = name;
        if (budget <= 0) return { topics, after: from };
      }
      if (names.length < max) break;
    }
    return { topics };
  }

  #infoOf(name: string, topic: TopicEntry, floor: number, unpurged: boolean): StoredTopic {
    let { messages, bytes } = topic;
    const { stored, seq, time } = topic;
    if (unpurged) {
      // A row that holds both what has expired and what has not is in the list of one topic at most.
      const split = this.#sizes.splitRow(topic.id, floor);
      messages -= topic.expired + split.messages;
      bytes -= topic.expiredBytes + split.bytes;
    }
    return { topic: name, messages, bytes, stored, seq, time };
  }

  /** Counts the messages of a topic in rows up to the floor, or some of them; returns how much work it was. */
  #countExpired(topic: TopicEntry, floor: number): number {
    if (topic.countedTo >= floor) return LISTING_BUDGET.countCost;
    const found = this.#sql.before.all(topic.id, topic.countedTo, floor, LISTING_BUDGET.rows);
    const [{ n, bytes, rows, upTo }] = found as [
      { n: number; bytes: number; rows: number; upTo: number },
    ];
    topic.expired += n;
    topic.expiredBytes += bytes;
    topic.countedTo = rows < LISTING_BUDGET.rows ? floor : upTo;
    return LISTING_BUDGET.countCost + rows * LISTING_BUDGET.rowCost;
  }
}
