/**
 * How commands name groups of workers: by a topic or a prefix, and a name.
 *
 * @module
 */

import type { ServedGroup } from "../server.ts";
import { DEFAULT_GROUP, MAX_GROUP_BYTES } from "../protocol/group_limits.ts";
import { NameSet } from "../protocol/name_map.ts";
import { groupProblem, quoted } from "../protocol/text.ts";
import { type OptionSpec, type ParsedArguments, UsageError } from "./command.ts";
import { type Filter, parseFilters } from "./topic_filters.ts";

/** The options of commands that name a group. */
export const GROUP_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  group: { value: "GROUP", help: `the name of the group (${DEFAULT_GROUP})` },
  exact: {
    help: "a * at the end is part of TOPIC; otherwise news.* is every topic that begins with news.",
  },
};

/** A group of workers, as commands name it. */
export interface NamedGroup {
  /** The topic, or the prefix of topics, that it works on. */
  readonly from: Filter;
  readonly group: string;
}

/**
 * Reads which group a command is about.
 *
 * @param command its name, for errors
 * @param word the argument `TOPIC`
 * @param args its arguments
 * @returns the group
 * @throws {UsageError} if one of them is invalid
 */
export function groupOf(command: string, word: string, args: ParsedArguments): NamedGroup {
  const [from] = parseFilters(command, [word], args.flag("exact")) as [Filter];
  return { from, group: parseGroupName(args.value("group") ?? DEFAULT_GROUP) };
}

/**
 * Checks the name of a group.
 *
 * @param text the name
 * @returns the same
 * @throws {UsageError} if it is invalid
 */
function parseGroupName(text: string): string {
  const problem = groupProblem(text, MAX_GROUP_BYTES);
  if (problem !== undefined) throw new UsageError(`${problem}, got ${quoted(text)}`);
  return text;
}

/**
 * Parses the values of `dsmq serve --group`.
 *
 * @param words each `TOPIC`, or `TOPIC=GROUP`, of which the topic may have `=`; a topic that ends with `*` is a prefix
 * @returns the groups
 * @throws {UsageError} if one is invalid, or given twice
 */
export function parseGroupsToServe(words: readonly string[]): ServedGroup[] {
  const seen = new NameSet();
  return words.map((word) => {
    const [, topic = word, name] = /^(.*)=(.*)$/s.exec(word) ?? [];
    const group = parseGroupName(name ?? DEFAULT_GROUP);
    const [filter] = parseFilters("--group", [topic], undefined);
    const served = typeof filter === "string" ? { topic: filter, group } : { ...filter, group };
    const key = JSON.stringify(served);
    if (seen.has(key)) throw new UsageError(`--group ${quoted(word)} is given twice`);
    seen.add(key);
    return served;
  });
}
