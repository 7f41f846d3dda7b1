/**
 * Topics as a client names them.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import { topicProblem } from "../protocol/text.ts";

/** A topic: its name, and the same as JSON. */
export interface TopicName {
  readonly name: string;
  readonly json: string;
}

/** So many are remembered. */
const MAX_CACHED_TOPICS = 1000;

/** The topics that were named last: good ones, and what they are as JSON. */
export class TopicNames {
  readonly #cache = new NameMap<TopicName>();
  readonly #maxBytes: () => number;

  /** None is known yet; the server takes topics of up to so many bytes, and may have another limit when it comes back. */
  constructor(maxBytes: () => number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Checks a topic, unless it is known.
   *
   * @param action what is to be done with it, for the error
   * @param name its name
   * @returns the topic
   * @throws {TypeError | RangeError} if it cannot be one
   */
  resolve(action: string, name: string): TopicName {
    const cached = typeof name === "string" ? this.#cache.get(name) : undefined;
    if (cached) return cached;
    const problem = topicProblem(name, this.#maxBytes());
    if (problem !== undefined) {
      const ErrorClass = typeof name === "string" ? RangeError : TypeError;
      throw new ErrorClass(`Cannot ${action}: ${problem}`);
    }
    const topic = { name, json: JSON.stringify(name) };
    if (this.#cache.size === MAX_CACHED_TOPICS) this.#cache.clear();
    this.#cache.set(name, topic);
    return topic;
  }
}
