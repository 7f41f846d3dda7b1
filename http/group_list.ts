/**
 * The list of groups, one of them, and what makes and deletes them.
 *
 * @module
 */

import { isFromElsewhere } from "../auth/forwarded.ts";
import { logGroupCreation, logGroupDeletion } from "../connection/admin_log.ts";
import {
  administrationRefusal,
  groupListRefusal,
  mayListGroup,
  workRefusal,
} from "../connection/authorize.ts";
import { listPermittedGroups } from "../connection/group_verbs.ts";
import { decodeBase64Url, encodeBase64Url } from "../protocol/base64url.ts";
import type { GroupInfo } from "../protocol/group_info.ts";
import { GROUPS_PAGE } from "../protocol/group_limits.ts";
import { locateGroupStart } from "../queue/positions.ts";
import { toWireError } from "../queue/store_failure.ts";
import type { GroupName } from "../stores/groups/group_commands.ts";
import {
  applyToGroup,
  filterOf,
  GROUP_PARAMETERS,
  parseGroupCall,
  requireWorker,
} from "./group_of.ts";
import type { HttpCall } from "./http_call.ts";
import { acceptJson, JSON_TYPE, jsonResponse, requireNoBody } from "./json_body.ts";
import { badRequest, HttpProblem } from "./problem.ts";
import { parseAfter, parseCount, parseQuery } from "./query.ts";
import { textResponseTo } from "./reader_body.ts";

/**
 * Lists the groups that the client may work on or administer.
 *
 * @param call the request
 * @returns a page, whose `next` is the `after` of the next one, or `null`
 * @throws {HttpProblem} if it may do neither anywhere
 */
export async function getGroups(call: HttpCall): Promise<Response> {
  const query = parseQuery(call.search, [...GROUP_PARAMETERS, "after", "count"]);
  acceptJson(call);
  const filter = filterOf(call, query);
  const count = parseCount(query.count, { default: GROUPS_PAGE, max: GROUPS_PAGE });
  const after = query.after === undefined ? undefined : decodeGroup(query.after);
  const refusal = groupListRefusal(call.permissions);
  if (refusal) throw new HttpProblem(refusal);
  const { groups, more } = await listPage(call, { filter, after, count });
  const next = more ? encodeGroup(groups.at(-1)!) : null;
  const headers = { "content-type": JSON_TYPE, "cache-control": "no-store" };
  return textResponseTo(call, `${JSON.stringify({ groups, next })}\n`, { headers });
}

/**
 * Tells of one group what the list does.
 *
 * @param call the request
 * @returns the group
 * @throws {HttpProblem} if the client may neither work on it nor administer it; 404 if it is not there
 */
export async function getGroup(call: HttpCall): Promise<Response> {
  const { name } = parseGroupCall(call);
  acceptJson(call);
  if (!seenBy(call)(name)) throw new HttpProblem(workRefusal(call.permissions, name)!);
  const { group: wanted, ...filter } = name;
  let after: GroupName | undefined;
  for (;;) {
    const { groups, more } = await listPage(call, { filter, after, count: GROUPS_PAGE });
    const found = groups.find(({ group }) => group === wanted);
    if (found) return jsonResponse(found);
    if (!more) throw notFound("find");
    after = { ...filter, group: groups.at(-1)!.group };
  }
}

/** Lists those groups that the client may see. */
async function listPage(call: HttpCall, query: Parameters<typeof listPermittedGroups>[1]) {
  const { queue } = call.context.shared;
  const pause = () => call.readers.yieldTurn();
  try {
    return await listPermittedGroups(queue, query, seenBy(call), pause);
  } catch (error) {
    throw error instanceof HttpProblem ? error : new HttpProblem(toWireError(error, queue.log));
  }
}

/** Tells which groups a client may see, whose permissions can change meanwhile. */
function seenBy(call: HttpCall): (name: GroupName) => boolean {
  const isForwarded = isFromElsewhere(call.request);
  return (name) => mayListGroup({ permissions: call.permissions, isForwarded }, name);
}

/**
 * Makes a group, unless it is there.
 *
 * @param call the request
 * @returns 201 if it is made, 200 if it is there
 * @throws {HttpProblem} if the client may not work on it, or there are too many
 */
export async function putGroup(call: HttpCall): Promise<Response> {
  const { shared } = call.context;
  const { name, query } = parseGroupCall(call, ["since"]);
  requireWorker(call, name);
  requireNoBody(call);
  const since = query.since === undefined
    ? undefined
    : parseAfter(query.since, "The parameter since");
  const after = await locateGroupStart(shared.queue, since).catch((error) => {
    throw new HttpProblem(toWireError(error, shared.queue.log));
  });
  const { created } = await applyToGroup(call, { type: "create_group", name, after });
  if (created) logGroupCreation(shared, call.client, name);
  return jsonResponse({ created }, created ? 201 : 200);
}

/**
 * Deletes a group, with its jobs.
 *
 * @param call the request
 * @returns 204
 * @throws {HttpProblem} if the client may not administer what it works on; 404 if it is not there
 */
export async function deleteGroup(call: HttpCall): Promise<Response> {
  const { permissions, request, context: { shared } } = call;
  const { name } = parseGroupCall(call);
  const client = { permissions, isForwarded: isFromElsewhere(request) };
  const refusal = administrationRefusal(client, "delete groups of", name);
  if (refusal) throw new HttpProblem(refusal);
  requireNoBody(call);
  const { deleted } = await applyToGroup(call, { type: "delete_group", name });
  if (!deleted) throw notFound("delete");
  logGroupDeletion(shared, call.client, name);
  return new Response(null, { status: 204 });
}

function notFound(verb: string): HttpProblem {
  const message = `Cannot ${verb} group: there is none with this name`;
  return new HttpProblem({ code: "not_found", message });
}

/** Where a page of the list ends, as text that addresses can carry as it is. */
function encodeGroup({ topic, prefix, group }: GroupInfo): string {
  return encodeBase64Url(new TextEncoder().encode(JSON.stringify({ topic, prefix, group })));
}

function decodeGroup(text: string): GroupName {
  try {
    const json = new TextDecoder("utf-8", { fatal: true }).decode(decodeBase64Url(text));
    const { topic, prefix, group } = JSON.parse(json);
    const isNamed = [topic ?? prefix, group].every((one) => typeof one === "string");
    if (isNamed) return topic === undefined ? { prefix, group } : { topic, group };
  } catch {
    // It is of somebody else.
  }
  throw badRequest("The parameter after must be the next of the page before");
}
