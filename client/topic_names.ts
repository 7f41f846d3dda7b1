/**
 * The names of topics, checked and encoded once, and prefixes of them.
 *
 * @module
 */

import { CLIENT_LIMITS } from "../protocol/client_limits.ts";
import { NameMap } from "../protocol/name_map.ts";
import { isOptions } from "../protocol/option_kinds.ts";
import { prefixProblem, topicProblem } from "../protocol/text.ts";
import type { Prefix } from "./messages.ts";
import { jsonFields } from "./pending_request.ts";
import { describeOption, requireNoProblem, requireOptions } from "./require_options.ts";
import { StreamSource } from "./stream_source.ts";

/** A valid topic: its name, and the field of a request that holds it. */
export interface TopicName {
  readonly name: string;
  readonly jsonField: string;
}

const PREFIX_FIELDS = ["prefix"] as const satisfies (keyof Prefix)[];

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
    const topic = checkedTopic(action, name, this.#maxBytes());
    if (this.#cache.size === MAX_CACHED_TOPICS) this.#cache.clear();
    this.#cache.set(name, topic);
    return topic;
  }

  /** The same for a topic that may be stored from when the server permitted longer names. */
  resolveStored(action: string, name: string): TopicName {
    return checkedTopic(action, name, CLIENT_LIMITS.topicBytes.max);
  }

  /**
   * Checks a topic, or a prefix of topics.
   *
   * @param action what the caller wants to do, for the error
   * @param from what the caller gave
   * @returns the topic or the prefix
   * @throws {TypeError | RangeError} if it is invalid
   */
  resolveSource(action: string, from: string | Prefix): StreamSource {
    if (!isObject(from)) {
      return new StreamSource({ topic: this.resolve(action, from as string).name });
    }
    if (!isOptions(from, PREFIX_FIELDS)) {
      const kind = describeOption(from);
      throw new TypeError(`Cannot ${action}: a topic is a string, or { prefix }, got ${kind}`);
    }
    requireOptions(action, from, PREFIX_FIELDS);
    const { prefix } = from;
    requireNoProblem(action, prefixProblem(prefix, this.#maxBytes()), prefix);
    return new StreamSource({ prefix });
  }
}

function isObject(value: unknown): value is object {
  return value !== null && (typeof value === "object" || typeof value === "function");
}

function checkedTopic(action: string, name: string, maxBytes: number): TopicName {
  requireNoProblem(action, topicProblem(name, maxBytes), name);
  return { name, jsonField: jsonFields({ topic: name }) };
}
