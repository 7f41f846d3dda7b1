/**
 * How many readers follow each topic: streams, and reads that wait.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import type { TopicFilter } from "../protocol/requests.ts";
import { PrefixMap } from "./prefix_map.ts";

/**
 * So many topics are remembered that have no readers any more. A `Map` finds a key the more slowly the more often that key was
 * deleted: with 10,000 others, one that each wait adds and deletes takes 24 µs (Deno 2.9.6).
 */
const MAX_IDLE = 256;

/** The readers of one topic. */
interface ReaderCount {
  readers: number;
  /** It is among the idle topics, or was and has readers again. */
  isQueued: boolean;
}

/**
 * Counts readers from their beginning to their end, whether they listen to the feed or read from the store meanwhile. A put
 * does nothing for it.
 */
export class TopicReaders {
  readonly #byTopic = new NameMap<ReaderCount>();
  readonly #byPrefix = new PrefixMap<number>();
  /** Topics that had no readers when they came here, and the place of the next one. */
  readonly #idle: string[] = [];
  #next = 0;

  /** A reader begins, of a topic or of all topics that begin with a prefix. */
  add({ topic, prefix }: TopicFilter): void {
    if (prefix !== undefined) {
      return this.#byPrefix.set(prefix, (this.#byPrefix.get(prefix) ?? 0) + 1);
    }
    const count = this.#byTopic.get(topic);
    if (count) count.readers++;
    else this.#byTopic.set(topic, { readers: 1, isQueued: false });
  }

  /** A reader that was added ends. To be called once for each. */
  remove({ topic, prefix }: TopicFilter): void {
    if (prefix === undefined) {
      const count = this.#byTopic.get(topic)!;
      if (--count.readers === 0 && !count.isQueued) this.#queue(topic, count);
      return;
    }
    const left = this.#byPrefix.get(prefix)! - 1;
    if (left > 0) this.#byPrefix.set(prefix, left);
    else this.#byPrefix.delete(prefix);
  }

  /** How many there are in all, those of prefixes counted once. */
  get total(): number {
    let total = 0;
    for (const { readers } of this.#byTopic.values()) total += readers;
    for (const readers of this.#byPrefix.values()) total += readers;
    return total;
  }

  /** A topic has no readers any more: another one that has none either is forgotten for it. */
  #queue(topic: string, count: ReaderCount): void {
    const oldest = this.#idle[this.#next];
    this.#idle[this.#next] = topic;
    this.#next = (this.#next + 1) % MAX_IDLE;
    count.isQueued = true;
    const oldestCount = oldest === undefined ? undefined : this.#byTopic.get(oldest)!;
    if (!oldestCount) return;
    oldestCount.isQueued = false;
    if (oldestCount.readers === 0) this.#byTopic.delete(oldest!);
  }

  /**
   * How many there are of topics, those of prefixes that each begins with included. Prefixes are looked up only where a topic
   * begins otherwise than the one before: few times in a list that is in order.
   *
   * @param topics their names
   * @returns the count of each, in the order of the names
   */
  of(topics: readonly string[]): number[] {
    if (this.#byPrefix.size === 0) return topics.map((topic) => this.#ofTopic(topic));
    /** The prefixes that the topic before begins with, and how many follow these and all shorter ones. */
    const prefixes: { readonly length: number; readonly readers: number }[] = [];
    return topics.map((topic, i) => {
      const shared = i === 0 ? -1 : sharedLength(topics[i - 1]!, topic);
      while (prefixes.length > 0 && prefixes.at(-1)!.length > shared) prefixes.pop();
      let readers = prefixes.at(-1)?.readers ?? 0;
      const add = (more: number, { length }: string) => {
        readers += more;
        prefixes.push({ length, readers });
      };
      this.#byPrefix.forEachOf(topic, add, shared);
      return readers + this.#ofTopic(topic);
    });
  }

  #ofTopic(topic: string): number {
    return this.#byTopic.get(topic)?.readers ?? 0;
  }
}

/** With how many of the same characters two texts begin. */
function sharedLength(one: string, other: string): number {
  const end = Math.min(one.length, other.length);
  let length = 0;
  while (length < end && one.charCodeAt(length) === other.charCodeAt(length)) length++;
  return length;
}
