/**
 * How many readers follow each topic: streams, and reads that wait.
 *
 * @module
 */

import { RecurringNameMap } from "../budgets/recurring_name_map.ts";
import type { TopicFilter } from "../protocol/requests.ts";
import { PrefixMap } from "./prefix_map.ts";

/** The readers of one topic. */
export interface ReaderCount {
  readonly readers: number;
  /** How many names were looked up to count them: who counts those of many topics can let others have their turn. */
  readonly lookUps: number;
}

/**
 * Counts readers from their beginning to their end, whether they listen to the feed or read from the store meanwhile. A put
 * does nothing for it.
 */
export class TopicReaders {
  readonly #byTopic = new RecurringNameMap<number>();
  readonly #byPrefix = new PrefixMap<number>();
  /** How often a reader of a prefix began or ended. */
  #prefixChanges = 0;

  /** A reader begins, of a topic or of all topics that begin with a prefix. */
  add(filter: TopicFilter): void {
    this.#change(filter, 1);
  }

  /** A reader that was added ends. To be called once for each. */
  remove(filter: TopicFilter): void {
    this.#change(filter, -1);
  }

  #change({ topic, prefix }: TopicFilter, change: number): void {
    const [counts, name] = prefix === undefined ? [this.#byTopic, topic] : [this.#byPrefix, prefix];
    const readers = (counts.get(name) ?? 0) + change;
    if (prefix !== undefined) this.#prefixChanges++;
    if (readers > 0) counts.set(name, readers);
    else counts.delete(name);
  }

  /**
   * Counts those of topics, those of prefixes that each begins with included. Prefixes are looked up only where a topic begins
   * otherwise than the one before: few times in a list that is in order. Readers may begin and end before the next topic.
   *
   * @param topics their names
   * @returns the count of each, when it is asked for
   */
  *of(topics: readonly string[]): Generator<ReaderCount> {
    /** The prefixes that the topic before begins with, and how many follow these and all shorter ones. */
    const prefixes: { readonly length: number; readonly readers: number }[] = [];
    let before: string | undefined;
    let changes = this.#prefixChanges;
    for (const topic of topics) {
      if (changes !== this.#prefixChanges) before = undefined;
      changes = this.#prefixChanges;
      const shared = before === undefined ? -1 : sharedLength(before, topic);
      before = topic;
      while (prefixes.length > 0 && prefixes.at(-1)!.length > shared) prefixes.pop();
      let readers = prefixes.at(-1)?.readers ?? 0;
      const add = (more: number, { length }: string) => {
        readers += more;
        prefixes.push({ length, readers });
      };
      const lookUps = 1 + this.#byPrefix.forEachOf(topic, add, shared);
      yield { readers: readers + (this.#byTopic.get(topic) ?? 0), lookUps };
    }
  }
}

/** With how many of the same characters two texts begin. */
function sharedLength(one: string, other: string): number {
  const end = Math.min(one.length, other.length);
  let length = 0;
  while (length < end && one.charCodeAt(length) === other.charCodeAt(length)) length++;
  return length;
}
