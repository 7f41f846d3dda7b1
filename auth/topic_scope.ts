/**
 * The topics that grants name: by their names, by prefixes, or all.
 *
 * @module
 */

import { NameSet } from "../protocol/name_map.ts";
import { compareCodePoints } from "../protocol/text.ts";

/** A range of topics: one topic, or all that begin with a prefix. */
export interface TopicRange {
  /** The name of the topic, or the prefix. */
  readonly text: string;
  readonly isPrefix: boolean;
}

/** What a grant says about topics. Without both: all topics. */
export interface NamedTopics {
  readonly topics?: readonly string[];
  readonly prefixes?: readonly string[];
}

/** The topics of one grant, or of several. */
export class TopicScope {
  /**
   * The same topics in the order of the code points; `undefined` for all topics. No topic is in two of these ranges, so that
   * all topics of one come before all topics of the next.
   */
  readonly ranges: readonly TopicRange[] | undefined;
  readonly #topics: NameSet = new NameSet();
  readonly #prefixes: readonly string[];

  /** Includes what one of these includes; nothing if there are none. */
  constructor(grants: readonly NamedTopics[]) {
    const minimal = minimalPrefixes(grants.flatMap(prefixesOf));
    const ranges: TopicRange[] = minimal.map((text) => ({ text, isPrefix: true }));
    this.#prefixes = minimal;
    if (minimal[0] === "") {
      this.ranges = undefined;
      return;
    }
    for (const text of grants.flatMap(({ topics }) => topics ?? [])) {
      if (this.includes(text)) continue;
      this.#topics.add(text);
      ranges.push({ text, isPrefix: false });
    }
    this.ranges = ranges.sort((a, b) => compareCodePoints(a.text, b.text));
  }

  /** Whether it includes all topics that begin with a prefix: single topics are never all of them. */
  includesAll(prefix: string): boolean {
    return matchesPrefix(prefix, this.#prefixes);
  }

  /** Whether it includes a topic. */
  includes(topic: string): boolean {
    return this.#topics.has(topic) || matchesPrefix(topic, this.#prefixes);
  }
}

/** All topics begin with the empty text. */
function prefixesOf({ topics, prefixes }: NamedTopics): readonly string[] {
  return topics === undefined && prefixes === undefined ? [""] : prefixes ?? [];
}

/** Whether a topic begins with one of these, of which there may be thousands: see {@linkcode minimalPrefixes}. */
function matchesPrefix(topic: string, prefixes: readonly string[]): boolean {
  let [low, high] = [0, prefixes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (prefixes[middle]! <= topic) low = middle + 1;
    else high = middle;
  }
  // Everything that is sorted between a prefix and a topic that begins with it begins with that prefix, too. So it is not in the list.
  return low > 0 && topic.startsWith(prefixes[low - 1]!);
}

/** The same topics by the fewest prefixes, in the order of their UTF-16 units. No prefix begins with another. */
function minimalPrefixes(prefixes: readonly string[]): readonly string[] {
  const minimal: string[] = [];
  for (const prefix of [...prefixes].sort()) {
    // In this order what begins with a prefix comes right after it.
    const last = minimal.at(-1);
    if (last === undefined || !prefix.startsWith(last)) minimal.push(prefix);
  }
  return minimal;
}
