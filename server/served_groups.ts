/**
 * The option `groups`: groups of workers that are there before their first worker, so that nothing put until then is lost to them.
 *
 * @module
 */

import { DEFAULT_GROUP, MAX_GROUP_BYTES } from "../protocol/group_limits.ts";
import type { TopicFilter } from "../protocol/requests.ts";
import { groupProblem, prefixProblem, topicProblem } from "../protocol/text.ts";
import type { OptionChecks } from "./option_checks.ts";

/** A group of workers that a server makes when it starts, unless it is there. It has a topic or a prefix. */
export interface ServedGroup {
  /** The topic whose messages are its jobs. */
  readonly topic?: string;
  /** Or the beginning of topics: the messages of all topics that begin with it are its jobs. `""` stands for all topics. */
  readonly prefix?: string;
  /** Its name. Default: `"default"`. */
  readonly group?: string;
  /**
   * Where it begins if it is not there: at the oldest message that the store has, or with what is put from now on. Default:
   * `"start"`.
   */
  readonly since?: "start" | "now";
}

/** A checked group. */
export type GroupToServe = TopicFilter & {
  readonly group: string;
  readonly since: "start" | "now";
};

const MEMBERS = ["topic", "prefix", "group", "since"] as const;
const STARTS = ["start", "now"] as const;
const FORM = 'a group such as { topic: "mails" } or { prefix: "orders." }';

/**
 * Fills in the defaults and checks the groups.
 *
 * @param groups as the caller gave them
 * @param topicBytes the longest topic, in bytes of UTF-8
 * @param check names the option in errors
 * @returns the groups
 * @throws {TypeError | RangeError} if one is invalid
 */
export function parseServedGroups(
  groups: readonly ServedGroup[],
  topicBytes: number,
  check: OptionChecks,
): readonly GroupToServe[] {
  check.type("groups", groups, Array.isArray(groups), "a list of groups");
  return groups.map((given, i) => {
    const name = `groups[${i}]`;
    check.members(name, given, FORM, MEMBERS);
    const { topic, prefix, group = DEFAULT_GROUP, since = "start" } = given;
    if ((topic === undefined) === (prefix === undefined)) {
      const got = topic === undefined ? "neither" : "both";
      throw check.rangeError(name, `${FORM}, with a topic or a prefix`, got);
    }
    const requireText = (
      member: string,
      value: string,
      problem: (value: string, limit: number) => string | undefined,
      [min, max]: readonly [number, number],
    ) => {
      const form = `${min} to ${max} bytes of UTF-8 without control characters`;
      check.text(`${name}.${member}`, value, form, problem(value, max) === undefined);
    };
    requireText("group", group, groupProblem, [1, MAX_GROUP_BYTES]);
    check.oneOf(`${name}.since`, since, STARTS);
    if (prefix === undefined) {
      requireText("topic", topic!, topicProblem, [1, topicBytes]);
      return { topic: topic!, group, since };
    }
    requireText("prefix", prefix, prefixProblem, [0, topicBytes]);
    return { prefix, group, since };
  });
}
