/**
 * The messages as groups read them: also those that have expired, as long as a group needs them.
 *
 * @module
 */

import type { TopicFilter } from "../../protocol/requests.ts";
import type { Database, Statement } from "../engine.ts";
import type { MessageLog } from "../message_log.ts";
import { prefixEnd, withPrefix } from "../prefix_range.ts";
import type { TopicMessage } from "../queries.ts";
import type { ExpiredJobs } from "./expired_jobs.ts";

/** Messages that a group reads, oldest first. */
export interface GroupPage {
  readonly messages: readonly TopicMessage[];
  /** There are no others up to here. */
  readonly through: number;
  /** There may be more after that, though the page is not full. */
  readonly more: boolean;
}

/** How much is read to find out whether many messages are there. */
const LOOK_AHEAD = { count: 64, bytes: 64 * 1024 };

/** Reads from the expired jobs, and then from the log. */
export class GroupMessages {
  readonly #log: MessageLog;
  readonly #expired: ExpiredJobs;
  readonly #sql: Record<"ofTopic" | "ofPrefix", Statement>;

  /**
   * Prepares to read.
   *
   * @param db the database of the log
   * @param log the messages
   * @param expired those of them that have expired
   */
  constructor(db: Database, log: MessageLog, expired: ExpiredJobs) {
    this.#log = log;
    this.#expired = expired;
    const count =
      "SELECT coalesce(sum(last - max(first - 1, ?3)), 0) AS n FROM runs WHERE last > ?3";
    this.#sql = {
      ofTopic: db.prepare(
        `${count} AND topic = (SELECT id FROM topics WHERE name = ?1 AND name = ?2)`,
      ),
      ofPrefix: db.prepare(
        `${count} AND topic IN (SELECT id FROM topics WHERE ${withPrefix("name")})`,
      ),
    };
  }

  /**
   * Reads messages of a topic or a prefix.
   *
   * @param filter which
   * @param after only messages after this number
   * @param count at most this many
   * @param bytes at most this many bytes of bodies and attributes; but one message is always returned
   */
  page(filter: TopicFilter, after: number, count: number, bytes: number): GroupPage {
    const { through } = this.#expired;
    if (after < through) {
      const messages = this.#expired.read(filter, after, count, bytes);
      if (messages.length > 0) return { messages, through: messages.at(-1)!.seq, more: true };
    }
    const { topic, prefix } = filter;
    const from = Math.max(after, through);
    // Up to there everything may have been deleted; after it nothing was that a group needs.
    const page = prefix === undefined
      ? this.#log.pages.page({ topic, after: from, count, bytes }, through)
      : this.#log.prefixes.page({ prefix, after: from, count, bytes }, through);
    return { messages: page.messages, through: page.through, more: page.more === true };
  }

  /** A message, if it is there. */
  at(filter: TopicFilter, seq: number): TopicMessage | undefined {
    const [message] = this.page(filter, seq - 1, 1, 1).messages;
    return message?.seq === seq ? message : undefined;
  }

  /**
   * Those of some numbers of which there is no message. However many they are, what is left is read in few queries.
   *
   * @param filter of which topic or prefix
   * @param seqs the numbers, in ascending order
   */
  *missing(filter: TopicFilter, seqs: Iterable<number>): Generator<number> {
    let messages: readonly TopicMessage[] = [];
    let [next, through] = [0, 0];
    for (const seq of seqs) {
      if (seq > through) {
        const page = this.page(filter, seq - 1, LOOK_AHEAD.count, LOOK_AHEAD.bytes);
        ({ messages } = page);
        next = 0;
        through = Math.max(seq, page.through);
      }
      while (next < messages.length && messages[next]!.seq < seq) next++;
      if (messages[next]?.seq !== seq) yield seq;
    }
  }

  /** How many messages there are after a number. */
  count(filter: TopicFilter, after: number): number {
    this.#log.flush();
    const { through } = this.#expired;
    const [name, end, sql] = filter.prefix === undefined
      ? [filter.topic, filter.topic, this.#sql.ofTopic]
      : [filter.prefix, prefixEnd(filter.prefix), this.#sql.ofPrefix];
    const [{ n }] = sql.all(name, end, Math.max(after, through)) as [{ n: number }];
    return n + (after < through ? this.#expired.count(filter, after) : 0);
  }
}
