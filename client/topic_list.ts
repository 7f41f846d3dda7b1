/**
 * The list of topics, page by page.
 *
 * @module
 */

import type { Answer, TopicEntry } from "../protocol/answers.ts";
import { DsmqError } from "../protocol/errors.ts";
import { isCount } from "../protocol/fields.ts";
import { LIMITS, TOPICS_PAGE } from "../protocol/limits.ts";
import { compareCodePoints, topicFault } from "../protocol/text.ts";
import { badAnswer } from "./asked.ts";

/** About what an entry takes beside its name, and all that a list may take, in bytes. */
const ENTRY_BYTES = 100;
const MAX_BYTES = 40 * 1024 * 1024;

/** A list that grows by a page at a time, each behind the one before it. */
export class TopicList {
  readonly entries: TopicEntry[] = [];
  readonly #prefix: string;
  #bytes = 0;

  /** Begins with nothing; each topic will begin with the prefix. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** The last topic; the next page begins after it. */
  get last(): string {
    return this.entries.at(-1)?.topic ?? "";
  }

  /**
   * Adds a page.
   *
   * @param answer what the server said
   * @param count how many topics it was asked for. Default: as many as a page may have
   * @returns whether there is another
   * @throws {DsmqError} `bad_answer`, if it is no page that comes behind those before it; `too_many`, if the list becomes
   *   too large
   */
  add({ topics, more }: Answer, count: number = TOPICS_PAGE): boolean {
    if (topics === undefined || topics.length > count) throw badAnswer("list topics");
    for (const entry of topics) {
      const { topic, messages, seq, time } = this.#checked(entry);
      this.#bytes += ENTRY_BYTES + topic.length;
      this.entries.push({ topic, messages, seq, time });
    }
    if (this.#bytes > MAX_BYTES) {
      const what = `Cannot list topics: ${this.entries.length} and their names take more`;
      const message = `${what} than ${MAX_BYTES} bytes: list them by what they begin with`;
      throw new DsmqError("too_many", message, { limit: MAX_BYTES });
    }
    return more === true && topics.length > 0;
  }

  #checked(entry: TopicEntry): TopicEntry {
    const { topic, messages, seq, time } = Object(entry) as Partial<TopicEntry>;
    // Some may be from a time when longer ones were taken.
    const good = topicFault(topic, LIMITS.topicBytes.most) === undefined &&
      topic!.startsWith(this.#prefix) && compareCodePoints(this.last, topic!) < 0 &&
      isCount(messages) && isCount(seq) && isCount(time);
    if (good) return entry;
    throw badAnswer("list topics", undefined, "the server's list is none of topics in their order");
  }
}
