/**
 * Groups by their names, as the page shows them and its addresses have them.
 *
 * @module
 */

import type { GroupInfo, Prefix } from "../../client.ts";
import { topicName } from "./topic_name.ts";

/** A group: what it works on, and its name. */
export interface GroupRef {
  /** The topic, or what topics begin with. */
  readonly target: string;
  readonly isPrefix: boolean;
  readonly group: string;
}

/** The group that the server tells of. */
export function groupRefOf({ topic, prefix, group }: GroupInfo): GroupRef {
  return prefix === undefined
    ? { target: topic!, isPrefix: false, group }
    : { target: prefix, isPrefix: true, group };
}

/** What it works on, for the client. */
export function targetOf({ target, isPrefix }: GroupRef): string | Prefix {
  return isPrefix ? { prefix: target } : target;
}

/** What it works on, for people: a topic, or such as `mails.*`. */
export function targetName({ target, isPrefix }: GroupRef): string {
  return isPrefix ? `${target}*` : topicName(target);
}

/** A text that tells it from others. */
export function groupKey({ target, isPrefix, group }: GroupRef): string {
  return JSON.stringify([target, isPrefix, group]);
}

/** What its address begins with. */
export const GROUP_ADDRESS = "#/groups/";

/** The address of a group. */
export function groupHref({ target, isPrefix, group }: GroupRef): string {
  const parts = [target, group].map((text) => encodeURIComponent(text.toWellFormed()));
  return `${GROUP_ADDRESS}${isPrefix ? "prefix" : "topic"}/${parts.join("/")}`;
}

/** The group of such an address; `undefined` if it is none. */
export function parseGroupHref(hash: string): GroupRef | undefined {
  const [kind, target, group, ...rest] = hash.slice(GROUP_ADDRESS.length).split("/");
  const isPrefix = kind === "prefix";
  if ((!isPrefix && kind !== "topic") || !group || rest.length > 0) return undefined;
  if (!isPrefix && target === "") return undefined;
  try {
    return { target: decodeURIComponent(target!), isPrefix, group: decodeURIComponent(group) };
  } catch {
    return undefined;
  }
}
