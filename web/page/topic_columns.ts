/**
 * What the table of topics shows of each, and how it is sorted.
 *
 * @module
 */

import type { TopicInfo } from "../../client.ts";
import type { Rates } from "./traffic.ts";

/** A column of the table. */
export interface TopicColumn {
  readonly name: string;
  readonly title: string;
  /** What it is sorted by, the largest first; names the smallest first. */
  readonly key: (topic: TopicInfo, rates: Rates) => number | string;
}

/** The columns, in their order. */
export const TOPIC_COLUMNS: readonly TopicColumn[] = [
  { name: "topic", title: "Topic", key: ({ topic }) => topic },
  { name: "rate", title: "Puts/s", key: ({ topic }, rates) => rates.of(topic) ?? 0 },
  { name: "count", title: "Messages", key: ({ messages }) => messages },
  { name: "bytes", title: "Size", key: ({ bytes = 0 }) => bytes },
  { name: "readers", title: "Readers", key: ({ readers = 0 }) => readers },
  { name: "age", title: "Newest", key: ({ time }) => time },
];

/**
 * Sorts topics.
 *
 * @param topics in the order of their names
 * @param column by what: names as they come, all else the largest first
 * @param rates how many messages are put into each a second
 */
export function sortTopics(
  topics: readonly TopicInfo[],
  { key }: TopicColumn,
  rates: Rates,
): readonly TopicInfo[] {
  const [first] = topics;
  if (first === undefined || typeof key(first, rates) === "string") return topics;
  const keyed = topics.map((topic) => ({ topic, key: key(topic, rates) as number }));
  return keyed.sort((one, other) => other.key - one.key).map(({ topic }) => topic);
}
