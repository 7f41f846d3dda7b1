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
  /** There may be more after that, though there are none on the page. */
  readonly more: boolean;
}

/** A page of a prefix covers at most so many numbers. */
const WINDOW = 65_536;

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
    if (prefix !== undefined) return this.#prefixPage(prefix, from, count, bytes);
    const page = this.#log.pages.page({ topic, after: from, count, bytes }, through);
    return { messages: page.messages, through: page.through, more: false };
  }

  /**
   * Reads messages of a prefix from the log. Where that takes long, the log stops at a number that depends on its rows; here the same messages
   * give the same pages, so that groups do the same in each store.
   */
  #prefixPage(prefix: string, after: number, count: number, bytes: number): GroupPage {
    const { prefixes, range: { last } } = this.#log;
    const end = Math.min(last, after + WINDOW);
    const found: TopicMessage[] = [];
    const toPage = () => {
      const through = found.at(-1)?.seq ?? Math.max(after, end);
      return { messages: found, through, more: through < last };
    };
    for (let [from, left, more] = [after, bytes, true]; more && from < end;) {
      const query = { prefix, after: from, count: count - found.length, bytes: left };
      const page = prefixes.page(query, this.#expired.through);
      for (const message of page.messages) {
        // The first one of each page of the log is there, however large.
        const fits = found.length === 0 || message.bytes <= left;
        if (message.seq > end || !fits) return toPage();
        found.push(message);
        left -= message.bytes;
      }
      from = page.through;
      more = page.more === true;
    }
    return toPage();
  }

  /** What fails now is undone, with all that happens in the same transaction. */
  get isInTransaction(): boolean {
    return this.#log.isInTransaction;
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
