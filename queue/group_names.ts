/**
 * The names of groups: as keys, for people, and for the log.
 *
 * @module
 */

import { quoted } from "../protocol/text.ts";
import type { GroupName } from "../stores/groups/group_commands.ts";

/** The name that a request carries, alone: so that the request is not held as long as the name. */
export function groupNameOf({ topic, prefix, group }: GroupName): GroupName {
  return prefix === undefined ? { topic, group } : { prefix, group };
}

/** The text that names a group. There is no line break in a topic. */
export function groupNameKey({ topic, prefix, group }: GroupName): string {
  return prefix === undefined ? `topic ${topic}\n${group}` : `prefix ${prefix}\n${group}`;
}

/** A group, for people: such as `"default" of topic "mails"`. */
export function groupInWords({ topic, prefix, group }: GroupName): string {
  if (prefix === undefined) return `${quoted(group)} of topic ${quoted(topic)}`;
  const topics = prefix === "" ? "all topics" : `topics that begin with ${quoted(prefix)}`;
  return `${quoted(group)} of ${topics}`;
}

/** The fields of a group in the log. */
export function groupFields({ topic, prefix, group }: GroupName): Record<string, string> {
  return prefix === undefined ? { topic, group } : { prefix, group };
}
