/**
 * Decodes the answers to requests of groups of workers.
 *
 * @module
 */

import { parseDeadJobs, parseGroups } from "./group_info.ts";
import type { RawReply } from "./raw_reply.ts";
import { malformed, type Reply } from "./replies.ts";
import { areCounts } from "./request_fields.ts";

/**
 * Decodes an answer that has none of the fields of other answers.
 *
 * @param it its fields, each of its type
 * @param id the id of the request
 * @returns the reply; what has no field of groups either answers a request without a result
 */
export function decodeGroupAnswer(it: RawReply, id: number): Reply {
  const { sub, lost, dead, ended, more, redriven, created, deleted } = it;
  if (sub !== undefined) return { kind: "working", id, lost: lost ?? [] };
  if (it.groups) {
    const groups = parseGroups(it.groups);
    return groups
      ? { kind: "groups", id, groups, more: more === true && groups.length > 0 }
      : malformed(id, undefined, "the server does not list its groups");
  }
  if (redriven !== undefined) return { kind: "redriven", id, redriven };
  const changed = created ?? deleted;
  if (changed !== undefined) return { kind: "group_changed", id, changed };
  // A list of dead jobs says whether there are more of them; `finish` lists claims.
  if (dead && more !== undefined) {
    const jobs = parseDeadJobs(dead);
    return jobs
      ? { kind: "dead", id, jobs, more: more && jobs.length > 0 }
      : malformed(id, undefined, "the server does not list dead jobs in their order");
  }
  return dead === undefined || areCounts(dead)
    ? { kind: "done", id, lost, dead, ended }
    : malformed(id);
}
