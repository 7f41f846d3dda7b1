/**
 * The requests of an administrator: to list connections, to close one, and to purge a topic. Loaded with the first of them.
 *
 * @module
 */

import {
  administrationDenied,
  permissionDenied,
  type Permissions,
  TOKEN_NEEDED,
} from "../auth/permissions.ts";
import type { AdminRequest, ConnectionsRequest } from "../protocol/admin_requests.ts";
import { successReply } from "../protocol/encode_replies.ts";
import type { WireError } from "../protocol/errors.ts";
import { quoted } from "../protocol/text.ts";
import { purgeTopic } from "../queue/topic_purges.ts";
import type { Peer } from "../transports/peer.ts";
import { backUp } from "./backup_verb.ts";
import type { ListedConnection } from "./connection_directory.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import { reply, replyError, type ServerContext } from "./server_context.ts";

/** The connection of an administrator. */
export interface AdminConnection extends ListedConnection {
  /** Lets others have their turn, if it is time for that. */
  pause(): Promise<void> | undefined;
  readonly permissions: Permissions | undefined;
  /** Its request seems to come through a proxy. */
  readonly isForwarded: boolean;
}

/** What these requests need of their connection. */
export interface AdminOptions {
  readonly peer: Pick<Peer, "hasRoom" | "waitForRoom">;
  readonly replies: ReplyWriter;
}

/** What each action is called in an error. */
const WORDS: Readonly<Record<AdminRequest["action"], string>> = {
  connections: "list connections",
  disconnect: "disconnect",
  purge: "purge",
  backup: "back up",
};

/** Does what an administrator asks for, if it is one. */
export async function administrate(
  context: ServerContext,
  connection: AdminConnection,
  request: AdminRequest,
  options: AdminOptions,
): Promise<void> {
  const topic = request.action === "purge" ? request.topic : undefined;
  const refusal = refusalOf(connection, WORDS[request.action], topic);
  if (refusal) return replyError(context, request, refusal, options.replies);
  switch (request.action) {
    case "connections":
      return await listConnections(context, connection, request, options);
    case "disconnect": {
      const found = context.directory.find(request.connection);
      if (!found) {
        const message = `Cannot disconnect: there is no connection ${quoted(request.connection)}`;
        return replyError(context, request, { code: "not_found", message }, options.replies);
      }
      // First: it may be the connection itself.
      reply(request, {}, options.replies);
      return found.disconnect();
    }
    case "purge": {
      const purged = await purgeTopic(context.queue, request, () => connection.pause());
      if (typeof purged === "number") return reply(request, { purged }, options.replies);
      return replyError(context, request, purged, options.replies);
    }
    case "backup":
      return await backUp(context, connection, request, options);
    default:
      request satisfies never;
  }
}

async function listConnections(
  { directory }: ServerContext,
  connection: AdminConnection,
  { id, after, count }: ConnectionsRequest,
  { peer, replies }: AdminOptions,
): Promise<void> {
  for (;;) {
    const text = successReply(id, directory.list(after, count, connection));
    if (peer.hasRoom?.(text.length) ?? true) return replies.add(text);
    // They are listed again once there is room for the reply.
    await peer.waitForRoom?.(text.length);
    if (connection.closed) return;
  }
}

/** Why a connection may not do that. */
function refusalOf(
  { permissions, isForwarded }: AdminConnection,
  what: string,
  topic: string | undefined,
): WireError | undefined {
  if (!permissions) return TOKEN_NEEDED;
  if (permissions.mayAdministrate(topic, isForwarded)) return undefined;
  const denied = permissionDenied(what, topic);
  // Where auth says what clients without a token may do, it does not matter where they are.
  if (!permissions.isOpen) {
    return topic === undefined ? administrationDenied(what, permissions) : denied;
  }
  const who = "a client without a token may do that only on the machine of the server, which " +
    "listens there alone, and not through a proxy; or if auth grants admin to anonymous clients";
  return { ...denied, message: `${denied.message}: ${who}` };
}
