/**
 * What the token of this page permits.
 *
 * @module
 */

import type { Permission } from "../../client.ts";
import type { ServerStatus } from "../../http/server_status.ts";

/** Whether a token permits something for a topic. */
export function isAllowed(
  { permissions }: Pick<ServerStatus, "permissions">,
  what: Permission,
  topic: string,
): boolean {
  return permissions[what].some((allowed) =>
    "topic" in allowed ? allowed.topic === topic : topic.startsWith(allowed.prefix)
  );
}

/** Whether it permits something for all topics that begin with a prefix. */
export function isAllowedForAll(
  { permissions }: Pick<ServerStatus, "permissions">,
  what: Permission,
  prefix: string,
): boolean {
  return permissions[what].some((allowed) =>
    "prefix" in allowed && prefix.startsWith(allowed.prefix)
  );
}

/** Whether it permits something for any topic. */
export function isAllowedSomewhere(
  { permissions }: Pick<ServerStatus, "permissions">,
  what: Permission,
): boolean {
  return permissions[what].length > 0;
}

/** Whether it permits something for all topics. */
export function isAllowedEverywhere(
  status: Pick<ServerStatus, "permissions">,
  what: Permission,
): boolean {
  return isAllowedForAll(status, what, "");
}
