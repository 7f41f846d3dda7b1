/**
 * The names of topics, checked and encoded once.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import { topicProblem } from "../protocol/text.ts";
import { jsonFields } from "./pending_request.ts";

/** A valid topic: its name, and the field of a request that holds it. */
export interface TopicName {
  readonly name: string;
  readonly jsonField: string;
}

/** How many are remembered. */
const MAX_CACHED_TOPICS = 1000;

/** Remembers the topics that were used last. */
export class TopicNames {
  readonly #cache = new NameMap<TopicName>();
  readonly #maxBytes: () => number;

  /** Begins empty. The limit in bytes is that of the present server. */
  constructor(maxBytes: () => number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Checks a topic, unless it is remembered.
   *
   * @param action what the caller wants to do, for the error
   * @param name its name
   * @returns the topic
   * @throws {TypeError | RangeError} if it is invalid
   */
  resolve(action: string, name: string): TopicName {
    const cached = typeof name === "string" ? this.#cache.get(name) : undefined;
    if (cached) return cached;
    const problem = topicProblem(name, this.#maxBytes());
    if (problem !== undefined) {
      const ErrorClass = typeof name === "string" ? RangeError : TypeError;
      throw new ErrorClass(`Cannot ${action}: ${problem}`);
    }
    const topic = { name, jsonField: jsonFields({ topic: name }) };
    if (this.#cache.size === MAX_CACHED_TOPICS) this.#cache.clear();
    this.#cache.set(name, topic);
    return topic;
  }
}
