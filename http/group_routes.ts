/**
 * The routes of groups: `/groups`, and for each group what its workers and administrators do.
 *
 * ```text
 * /topics/{topic}/groups/{group}/claim
 * /groups/{group}/claim?topic=…
 * /groups/{group}/claim?prefix=…
 * ```
 *
 * @module
 */

import { postClaim } from "./claim_message.ts";
import { deleteGroup, getGroup, getGroups, putGroup } from "./group_list.ts";
import { getDead, postRedrive } from "./dead_jobs.ts";
import { postExtend, postFinish } from "./finish_claims.ts";
import { type Resource, resource } from "./resource.ts";

/** `/groups` */
export const GROUPS: Resource = resource({ GET: getGroups });

/** What there is of a group, by what follows its name in the path. */
export const GROUP_RESOURCES: Readonly<Record<string, Resource>> = {
  "": resource({ GET: getGroup, PUT: putGroup, DELETE: deleteGroup }),
  "/claim": resource({ POST: postClaim }),
  "/finish": resource({ POST: postFinish }),
  "/extend": resource({ POST: postExtend }),
  "/dead": resource({ GET: getDead }),
  "/redrive": resource({ POST: postRedrive }),
};

/** What a path names of a group, percent-encoded. */
export interface GroupPath {
  /** What precedes the groups: of a topic its name. */
  readonly before: string;
  readonly group: string;
  /** A key of {@linkcode GROUP_RESOURCES}. */
  readonly verb: string;
}

const VERB_PATH = /^(?:(.*)\/)?groups\/([^/]+)(\/(?:claim|finish|extend|dead|redrive))$/;
const GROUP_PATH = /^(?:(.*)\/)?groups\/([^/]+)$/;

/**
 * Finds the group in a path.
 *
 * @param path what follows `/topics/`, or else the path without its first slash
 * @returns what it names; `undefined` if it is not that of a group. Of a topic whose name looks like one the last part counts
 */
export function findGroupPath(path: string): GroupPath | undefined {
  if (!path.includes("groups/")) return undefined;
  const [, before = "", group, verb = ""] = VERB_PATH.exec(path) ?? GROUP_PATH.exec(path) ?? [];
  return group === undefined ? undefined : { before, group, verb };
}
