/**
 * The requests about groups that need no worker: to list, make and delete them, and to look after their dead jobs.
 *
 * @module
 */

import type { Permissions } from "../auth/permissions.ts";
import { deadReply } from "../protocol/encode_group_replies.ts";
import { successReply } from "../protocol/encode_replies.ts";
import type { GroupInfo } from "../protocol/group_info.ts";
import type {
  CreateGroupRequest,
  DeadRequest,
  DeleteGroupRequest,
  GroupsRequest,
  RedriveRequest,
} from "../protocol/group_requests.ts";
import { groupNameOf } from "../queue/group_names.ts";
import { locateGroupStart } from "../queue/positions.ts";
import type { Queue } from "../queue/queue.ts";
import { redriveJobs } from "../queue/redrive_jobs.ts";
import type {
  GroupCommand,
  GroupName,
  GroupResult,
  StoredGroup,
} from "../stores/groups/group_commands.ts";
import { StoreError } from "../stores/store.ts";
import type { Peer } from "../transports/peer.ts";
import { type Administrator, logGroupCreation, logGroupDeletion, logRedrive } from "./admin_log.ts";
import { administrationRefusal, groupListRefusal, mayListGroup } from "./authorize.ts";
import { pageSize } from "./credit_window.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import { reply, replyError, type ServerContext } from "./server_context.ts";

/** The connection of a client. */
export interface GroupConnection extends Administrator {
  readonly permissions: Permissions | undefined;
  /** Its request seems to come through a proxy. */
  readonly isForwarded: boolean;
  readonly closed: boolean;
  /** Lets others have their turn, if it is time for that. */
  pause(): Promise<void> | undefined;
  /** The same, however slowly the peer reads. */
  yieldTurn(): Promise<void> | undefined;
}

/** What these requests need of their connection. */
export interface GroupVerbsOptions {
  readonly peer: Pick<Peer, "hasRoom" | "waitForRoom">;
  readonly replies: ReplyWriter;
}

/** The requests. */
type GroupVerbRequest =
  | GroupsRequest
  | DeadRequest
  | RedriveRequest
  | CreateGroupRequest
  | DeleteGroupRequest;

/** Handles a request. That its client may work on the group is checked before, where it needs that. */
export async function handleGroupRequest(
  context: ServerContext,
  connection: GroupConnection,
  request: GroupVerbRequest,
  options: GroupVerbsOptions,
): Promise<void> {
  const { queue } = context;
  const { replies } = options;
  switch (request.action) {
    case "groups":
      return await listGroups(context, connection, request, options);
    case "dead":
      return await listDead(queue, connection, request, options);
    case "redrive": {
      const { seq } = request;
      const name = groupNameOf(request);
      // Once begun it goes on, though the client may go.
      const redriven = await redriveJobs(
        queue,
        { name, seq, pause: () => connection.yieldTurn() },
        (count) => logRedrive(context, connection, name, count),
      );
      return reply(request, { redriven }, replies);
    }
    case "create_group": {
      const name = groupNameOf(request);
      const after = await locateGroupStart(queue, request.since);
      const { created } = await applied(queue, { type: "create_group", name, after });
      if (created) logGroupCreation(context, connection, name);
      return reply(request, { created }, replies);
    }
    case "delete_group": {
      const name = groupNameOf(request);
      const refusal = administrationRefusal(connection, "delete groups of", name);
      if (refusal) return replyError(context, request, refusal, replies);
      const { deleted } = await applied(queue, { type: "delete_group", name });
      if (deleted) logGroupDeletion(context, connection, name);
      return reply(request, { deleted }, replies);
    }
    default:
      request satisfies never;
  }
}

/**
 * Lists groups that a client may work on or administer.
 *
 * @param queue the store with the groups, and who works on them
 * @param request which groups
 * @param mayList whether a group may be listed
 * @param pause lets others have their turn, if it is time
 * @returns a page of them, and whether there may be more
 */
export async function listPermittedGroups(
  { store, groups, fence }: Pick<Queue, "store" | "groups" | "fence">,
  { filter, after, count }: Pick<GroupsRequest, "filter" | "after" | "count">,
  mayList: (name: GroupName) => boolean,
  pause: () => Promise<void> | undefined,
): Promise<{ readonly groups: readonly GroupInfo[]; readonly more: boolean }> {
  if (fence) await fence();
  const listed: GroupInfo[] = [];
  for (let last = after;;) {
    const wanted = count - listed.length;
    const found = await store.groups({ filter, after: last, count: wanted });
    for (const group of found) {
      if (mayList(group.name)) listed.push(toGroupInfo(group, groups.workersOf(group.name)));
    }
    if (found.length < wanted) return { groups: listed, more: false };
    if (listed.length === count) return { groups: listed, more: true };
    last = found.at(-1)!.name;
    await pause();
  }
}

function toGroupInfo({ name, oldest, ...counts }: StoredGroup, workers: number): GroupInfo {
  const { topic, prefix, group } = name;
  const filter = prefix === undefined ? { topic } : { prefix };
  return { ...filter, group, ...counts, ...(oldest !== undefined && { oldest }), workers };
}

async function listGroups(
  context: ServerContext,
  connection: GroupConnection,
  request: GroupsRequest,
  { peer, replies }: GroupVerbsOptions,
): Promise<void> {
  for (;;) {
    const refusal = groupListRefusal(connection.permissions);
    if (refusal) return replyError(context, request, refusal, replies);
    const page = await listPermittedGroups(
      context.queue,
      request,
      (name) => mayListGroup(connection, name),
      () => connection.pause(),
    );
    const text = successReply(request.id, page);
    if (peer.hasRoom?.(text.length) ?? true) return replies.add(text);
    // They are listed again once there is room for the reply.
    await peer.waitForRoom?.(text.length);
    if (connection.closed) return;
  }
}

async function listDead(
  { store, fence }: Queue,
  connection: GroupConnection,
  { id, after, count, ...target }: DeadRequest,
  { peer, replies }: GroupVerbsOptions,
): Promise<void> {
  const name = groupNameOf(target);
  const page = pageSize(replies.frameBytes);
  if (fence) await fence();
  while (!connection.closed) {
    const jobs = await store.deadJobs({
      name,
      after,
      count: Math.min(count, page.messages),
      bytes: page.bytes,
    });
    const last = jobs.at(-1);
    const next = last &&
      await store.deadJobs({ name, after: last.message.seq, count: 1, bytes: 1 });
    const text = deadReply(id, jobs, next !== undefined && next.length > 0);
    if (peer.hasRoom?.(text.length) ?? true) return replies.add(text);
    // They are read again once there is room for the reply.
    await peer.waitForRoom?.(text.length);
  }
}

/** The result of a command; throws its error. */
async function applied<C extends GroupCommand>(
  { groups }: Queue,
  command: C,
): Promise<GroupResult<C>> {
  const [result] = await groups.apply([command]);
  if (result instanceof StoreError) throw result;
  return result as GroupResult<C>;
}
