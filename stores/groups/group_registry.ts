/**
 * The groups of a store, by name and by what they work on.
 *
 * @module
 */

import { NameMap } from "../../protocol/name_map.ts";
import type { TopicFilter } from "../../protocol/requests.ts";
import { compareCodePoints } from "../../protocol/text.ts";
import type { TopicMessage } from "../queries.ts";
import type { GroupName } from "./group_commands.ts";
import type { WorkGroup } from "./work_group.ts";

/** A topic or a prefix on which groups work. */
export class GroupFilter {
  readonly name: TopicFilter;
  readonly groups: Set<WorkGroup> = new Set();
  /** How many messages of it were stored since it has groups. */
  stored = 0;
  /** Its groups need no message up to here, but for those that they have begun. */
  clearTo = 0;

  /** Has no groups yet. */
  constructor(name: TopicFilter) {
    this.name = name;
  }

  /** Of the messages after a number its groups need none before this one; there may be none. */
  oldestNeeded(after: number): number {
    let oldest = Infinity;
    for (const { jobs, frontier } of this.groups) {
      oldest = Math.min(oldest, jobs.list.firstAfter(after), Math.max(frontier, this.clearTo) + 1);
    }
    return oldest;
  }
}

/** The text that names a topic or a prefix. */
function filterKey({ topic, prefix }: TopicFilter): string {
  return prefix === undefined ? `topic ${topic}` : `prefix ${prefix}`;
}

/** The text that names a group. No filter has a line break, and no group. */
export function groupKey(name: GroupName): string {
  return `${filterKey(name)}\n${name.group}`;
}

/** Orders groups: those of topics first, by the code points of what they work on, and then by name. */
function compareGroups(one: GroupName, other: GroupName): number {
  const isPrefix = ({ prefix }: GroupName) => prefix === undefined ? 0 : 1;
  return isPrefix(one) - isPrefix(other) ||
    compareCodePoints(one.topic ?? one.prefix!, other.topic ?? other.prefix!) ||
    compareCodePoints(one.group, other.group);
}

/** Finds groups. */
export class GroupRegistry {
  readonly #groups = new Map<string, WorkGroup>();
  readonly #topics = new NameMap<GroupFilter>();
  readonly #prefixes = new NameMap<GroupFilter>();
  /** All groups in their order, once somebody asks for a list. */
  #sorted: readonly WorkGroup[] | undefined;

  /** How many there are. */
  get size(): number {
    return this.#groups.size;
  }

  /** All groups. */
  get all(): Iterable<WorkGroup> {
    return this.#groups.values();
  }

  /** All topics and prefixes that have groups. */
  *filters(): Generator<GroupFilter> {
    yield* this.#topics.values();
    yield* this.#prefixes.values();
  }

  /** The group of a name. */
  find(name: GroupName): WorkGroup | undefined {
    return this.#groups.get(groupKey(name));
  }

  /** What a group works on. */
  filterOf({ topic, prefix }: TopicFilter): GroupFilter {
    const filters = prefix === undefined ? this.#topics : this.#prefixes;
    const known = filters.get(topic ?? prefix!);
    if (known) return known;
    const filter = new GroupFilter(prefix === undefined ? { topic } : { prefix });
    filters.set(topic ?? prefix!, filter);
    return filter;
  }

  /** Adds a group. */
  add(group: WorkGroup): void {
    this.#groups.set(groupKey(group.name), group);
    this.filterOf(group.name).groups.add(group);
    this.#sorted = undefined;
  }

  /** Removes a group. */
  remove(group: WorkGroup): void {
    const filter = this.filterOf(group.name);
    this.#groups.delete(groupKey(group.name));
    this.#sorted = undefined;
    filter.groups.delete(group);
    if (filter.groups.size > 0) return;
    const { topic, prefix } = filter.name;
    if (prefix === undefined) this.#topics.delete(topic);
    else this.#prefixes.delete(prefix);
  }

  /** The filters that a topic belongs to. */
  *matching(topic: string): Generator<GroupFilter> {
    const exact = this.#topics.get(topic);
    if (exact) yield exact;
    for (const filter of this.#prefixes.values()) {
      if (topic.startsWith(filter.name.prefix!)) yield filter;
    }
  }

  /** Counts messages that were stored, from an index on. */
  count(messages: readonly TopicMessage[], from: number): void {
    for (let i = from; i < messages.length;) {
      const { topic } = messages[i]!;
      let end = i + 1;
      while (messages[end]?.topic === topic) end++;
      for (const filter of this.matching(topic)) filter.stored += end - i;
      i = end;
    }
  }

  /** Messages of a topic were purged: what waits is counted again once somebody asks. */
  recount(topic: string): void {
    for (const { groups } of this.matching(topic)) {
      for (const group of groups) group.waiting.forget();
    }
  }

  /** Forgets what was counted: it is counted again once somebody asks. */
  forgetCounts(): void {
    for (const filter of this.filters()) filter.clearTo = 0;
    for (const group of this.all) group.waiting.forget();
  }

  /** The groups after one, in their order: so many, and only those of one topic or prefix if that is given. */
  list(
    after: GroupName | undefined,
    count: number,
    filter: TopicFilter | undefined,
  ): readonly WorkGroup[] {
    const sorted = this.#sorted ??= [...this.#groups.values()].sort((one, other) =>
      compareGroups(one.name, other.name)
    );
    const isWanted = ({ name }: WorkGroup) =>
      (!filter || filterKey(name) === filterKey(filter)) &&
      (!after || compareGroups(name, after) > 0);
    return sorted.filter(isWanted).slice(0, count);
  }
}
