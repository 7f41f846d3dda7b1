/**
 * The list of topics, page by page.
 *
 * @module
 */

import type { Reply, TopicInfo } from "../protocol/encode_replies.ts";
import { DsmqError } from "../protocol/errors.ts";
import { isCount } from "../protocol/request_fields.ts";
import { LIMITS, TOPICS_PAGE } from "../protocol/limits.ts";
import { compareCodePoints, topicProblem } from "../protocol/text.ts";
import { protocolError } from "./pending_request.ts";

/** About what an entry takes beside its name, and all that a list may take, in bytes. */
const TOPIC_OVERHEAD = 100;
const MAX_LIST_BYTES = 40 * 1024 * 1024;

/** A list that grows by a page at a time, each behind the one before it. */
export class TopicList {
  readonly topics: TopicInfo[] = [];
  readonly #prefix: string;
  #bytes = 0;

  /** Begins with nothing; each topic will begin with the prefix. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** The last topic; the next page begins after it. */
  get last(): string {
    return this.topics.at(-1)?.topic ?? "";
  }

  /**
   * Adds a page.
   *
   * @param answer what the server said
   * @param count how many topics it was asked for. Default: as many as a page may have
   * @returns whether there is another
   * @throws {DsmqError} `protocol_error`, if it is no page that comes behind those before it; `limit_exceeded`, if the list becomes
   *   too large
   */
  add({ topics, more }: Reply, count: number = TOPICS_PAGE): boolean {
    if (topics === undefined || topics.length > count) throw protocolError("list topics");
    for (const topicInfo of topics) {
      const { topic, messages, seq, time } = this.#checkTopic(topicInfo);
      this.#bytes += TOPIC_OVERHEAD + topic.length;
      this.topics.push({ topic, messages, seq, time });
    }
    if (this.#bytes > MAX_LIST_BYTES) {
      const what = `Cannot list topics: ${this.topics.length} and their names take more`;
      const message = `${what} than ${MAX_LIST_BYTES} bytes: list them by what they begin with`;
      throw new DsmqError("limit_exceeded", message, { limit: MAX_LIST_BYTES });
    }
    return more === true && topics.length > 0;
  }

  #checkTopic(topicInfo: TopicInfo): TopicInfo {
    const { topic, messages, seq, time } = Object(topicInfo) as Partial<TopicInfo>;
    // Some may be from a time when longer ones were taken.
    const isValid = topicProblem(topic, LIMITS.topicBytes.max) === undefined &&
      topic!.startsWith(this.#prefix) && compareCodePoints(this.last, topic!) < 0 &&
      isCount(messages) && isCount(seq) && isCount(time);
    if (isValid) return topicInfo;
    throw protocolError(
      "list topics",
      undefined,
      "the server's list is none of topics in their order",
    );
  }
}
