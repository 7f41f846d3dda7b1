/**
 * Why commands of groups are refused.
 *
 * @module
 */

import { quoted } from "../../protocol/text.ts";
import { StoreError } from "../store.ts";
import type { GroupName } from "./group_commands.ts";

/** There is no such group. */
export function groupNotFound({ topic, prefix, group }: GroupName): StoreError {
  const of = prefix === undefined ? `topic ${quoted(topic)}` : `prefix ${quoted(prefix)}`;
  return new StoreError(`Cannot find group: ${of} has no group ${quoted(group)}`, {
    code: "not_found",
  });
}

/**
 * There are as many of something as there may be.
 *
 * @param what how many there are, and of what
 * @param limit how many there may be
 */
export function tooManyToOpen(what: string, limit: number): StoreError {
  return new StoreError(`Cannot open group: ${what}, the limit is ${limit}`, {
    code: "limit_exceeded",
    limit,
  });
}
