/**
 * The list of topics, page by page.
 *
 * @module
 */

import type { TopicInfo } from "../protocol/topic_info.ts";
import { DsmqError } from "../protocol/errors.ts";
import { TOPICS_PAGE } from "../protocol/limits.ts";
import type { TopicsReply } from "../protocol/replies.ts";
import { compareCodePoints } from "../protocol/text.ts";
import { listPages } from "./list_pages.ts";
import { jsonFields, protocolError } from "./pending_request.ts";

/** Roughly what an entry takes besides its name, and what a whole list may take, in bytes. */
const TOPIC_OVERHEAD = 100;
const MAX_LIST_BYTES = 40 * 1024 * 1024;

/** A list that grows page by page, each behind the one before it. */
export class TopicList {
  readonly topics: TopicInfo[] = [];
  readonly #prefix: string;
  #bytes = 0;

  /** Begins empty; all topics must begin with the prefix. */
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
   * @param page the reply of the server
   * @param count how many topics were requested. Default: as many as a page may have
   * @returns whether there is another page
   * @throws {DsmqError} `protocol_error`, if it does not continue the list; `limit_exceeded`, if the list becomes too large
   */
  add(
    { topics, more }: Pick<TopicsReply, "topics" | "more">,
    count: number = TOPICS_PAGE,
  ): boolean {
    if (topics.length > count) throw protocolError("list topics");
    const [first] = topics;
    if (first && compareCodePoints(this.last, first.topic) >= 0) throw disordered();
    for (const topicInfo of topics) {
      if (!topicInfo.topic.startsWith(this.#prefix)) throw disordered();
      this.#bytes += TOPIC_OVERHEAD + topicInfo.topic.length;
      this.topics.push(topicInfo);
    }
    if (this.#bytes > MAX_LIST_BYTES) {
      const what = `Cannot list topics: ${this.topics.length} and their names take more`;
      const message = `${what} than ${MAX_LIST_BYTES} bytes: list them by prefix`;
      throw new DsmqError("limit_exceeded", message, { limit: MAX_LIST_BYTES });
    }
    return more;
  }
}

/**
 * Lists topics.
 *
 * @param prefix all of them begin with it
 * @param fetch asks for a page with these fields, and has it added
 * @returns the topics, in order
 */
export async function fetchTopics(
  prefix: string,
  fetch: (fields: string, add: (page: TopicsReply) => boolean) => Promise<boolean>,
): Promise<TopicInfo[]> {
  const list = new TopicList(prefix);
  const pages = listPages(TOPICS_PAGE, async (count) => {
    const fields = jsonFields({ prefix, after: list.last, count });
    return { more: await fetch(fields, (page) => list.add(page, count)) };
  });
  for await (const _ of pages);
  return list.topics;
}

function disordered(): DsmqError {
  return protocolError("list topics", undefined, "the server does not list topics in their order");
}
