/**
 * What the table of topics shows of each, and how it is sorted.
 *
 * @module
 */

import type { TopicInfo } from "../../client.ts";

/** A topic, and how many messages are put into it a second. */
export interface TopicRow extends TopicInfo {
  readonly rate: number | undefined;
}

/** A column of the table. */
export interface TopicColumn {
  readonly name: string;
  readonly title: string;
  /** What it is sorted by, the largest first; names the smallest first. */
  readonly key: (row: TopicRow) => number | string;
}

/** The columns, in their order. */
export const TOPIC_COLUMNS: readonly TopicColumn[] = [
  { name: "topic", title: "Topic", key: ({ topic }) => topic },
  { name: "rate", title: "Puts/s", key: ({ rate = 0 }) => rate },
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
 */
export function sortTopics(topics: readonly TopicRow[], { key }: TopicColumn): readonly TopicRow[] {
  // They come in the order of their names.
  if (topics[0] === undefined || typeof key(topics[0]) === "string") return topics;
  return [...topics].sort((one, other) => (key(other) as number) - (key(one) as number));
}
