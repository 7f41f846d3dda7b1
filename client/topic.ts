/**
 * Topics as a client names them.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import { topicFault } from "../protocol/text.ts";

/** A topic: its name, and the same as JSON. */
export interface TopicName {
  readonly name: string;
  readonly json: string;
}

/** So many are remembered. */
const KNOWN = 1000;

/** The topics that were named last: good ones, and what they are as JSON. */
export class TopicNames {
  readonly #known = new NameMap<TopicName>();
  readonly #bytes: () => number;

  /** None is known yet; the server takes topics of up to so many bytes, and may have another limit when it comes back. */
  constructor(bytes: () => number) {
    this.#bytes = bytes;
  }

  /**
   * Checks a topic, unless it is known.
   *
   * @param action what is to be done with it, for the error
   * @param name its name
   * @returns the topic
   * @throws {TypeError | RangeError} if it cannot be one
   */
  named(action: string, name: string): TopicName {
    const known = typeof name === "string" ? this.#known.get(name) : undefined;
    if (known) return known;
    const fault = topicFault(name, this.#bytes());
    if (fault !== undefined) {
      const ErrorClass = typeof name === "string" ? RangeError : TypeError;
      throw new ErrorClass(`Cannot ${action}: ${fault}`);
    }
    const topic = { name, json: JSON.stringify(name) };
    if (this.#known.size === KNOWN) this.#known.clear();
    this.#known.set(name, topic);
    return topic;
  }
}
