/**
 * Which group a request is about.
 *
 * @module
 */

import { workRefusal } from "../connection/authorize.ts";
import { MAX_GROUP_BYTES } from "../protocol/group_limits.ts";
import type { TopicFilter } from "../protocol/requests.ts";
import { groupProblem } from "../protocol/text.ts";
import { storeErrorToWire } from "../queue/store_failure.ts";
import type { GroupCommand, GroupName, GroupResult } from "../stores/groups/group_commands.ts";
import { StoreError } from "../stores/store.ts";
import type { HttpCall } from "./http_call.ts";
import { badRequest, HttpProblem } from "./problem.ts";
import { decodePercent, parseQuery, type Query } from "./query.ts";
import { prefixOf, topicOf } from "./topic_of.ts";

/** The parameters that say what a group works on, where its path does not. */
export const GROUP_PARAMETERS = ["topic", "prefix"] as const;

type GroupParameter = typeof GROUP_PARAMETERS[number];

/** Which group a request is about, and its other parameters. */
export interface GroupCall<Name extends string> {
  readonly name: GroupName;
  readonly query: Query<Name | GroupParameter>;
}

/**
 * Reads the address of a request about a group: its topic is in the path, or a parameter, or it works on a prefix.
 *
 * @param call the request
 * @param names the other parameters that there may be
 * @throws {HttpProblem} `bad_topic`; `bad_request`, if the group has no name, or works on nothing
 */
export function parseGroupCall<Name extends string = never>(
  call: HttpCall,
  names: readonly Name[] = [],
): GroupCall<Name> {
  const own: readonly (Name | GroupParameter)[] = call.rest === ""
    ? [...GROUP_PARAMETERS, ...names]
    : names;
  const query = parseQuery(call.search, own);
  const group = decodePercent(call.group);
  const problem = group === undefined
    ? "it must be percent-encoded UTF-8"
    : groupProblem(group, MAX_GROUP_BYTES);
  if (problem !== undefined) throw badRequest(`Invalid group: ${problem}`);
  const filter = filterOf(call, query);
  if (!filter) {
    throw badRequest("The parameter topic or prefix must say what the group works on");
  }
  return { name: { ...filter, group: group! }, query };
}

/**
 * What a request is about, if it names a topic or a prefix.
 *
 * @throws {HttpProblem} `bad_topic`; `bad_request`, if it names both
 */
export function filterOf(
  call: HttpCall,
  { topic, prefix }: Query<GroupParameter>,
): TopicFilter | undefined {
  if (prefix === undefined) {
    return topic === undefined && call.rest === "" ? undefined : { topic: topicOf(call, topic) };
  }
  if (topic !== undefined) throw badRequest("There must be one of topic and prefix, not both");
  return prefixOf(call, prefix);
}

/**
 * Refuses who may not work on a group.
 *
 * @throws {HttpProblem} `permission_denied`
 */
export function requireWorker({ permissions }: HttpCall, name: GroupName): void {
  const refusal = workRefusal(permissions, name);
  if (refusal) throw new HttpProblem(refusal);
}

/**
 * Has the store apply a command.
 *
 * @returns its result
 * @throws {HttpProblem} if it fails
 */
export async function applyToGroup<C extends GroupCommand>(
  { context: { shared: { queue } } }: HttpCall,
  command: C,
): Promise<GroupResult<C>> {
  const [result] = await queue.groups.apply([command]);
  if (result instanceof StoreError) throw new HttpProblem(storeErrorToWire(result));
  return result as GroupResult<C>;
}
