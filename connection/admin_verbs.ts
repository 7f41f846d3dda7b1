/**
 * The requests of an administrator: to list connections, to close one, to purge a topic, and to back up. Loaded with the
 * first of them.
 *
 * @module
 */

import type { Permissions } from "../auth/permissions.ts";
import type {
  AdminRequest,
  BackupRequest,
  ConnectionsRequest,
  PurgeRequest,
} from "../protocol/admin_requests.ts";
import { backupPage, successReply } from "../protocol/encode_replies.ts";
import type { BackupGoneReply } from "../protocol/replies.ts";
import { quoted, utf8Length } from "../protocol/text.ts";
import { positionRefusal, purgeTopic } from "../queue/topic_purges.ts";
import type { Peer } from "../transports/peer.ts";
import { type Administrator, logAdministration } from "./admin_log.ts";
import type { ListedConnection } from "./connection_directory.ts";
import { administrationRefusal } from "./authorize.ts";
import { pageSize } from "./credit_window.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import { reply, replyError, type ServerContext } from "./server_context.ts";
import type { BackupInfo } from "../protocol/backup_info.ts";
import type { Gone, Store } from "../stores/store.ts";

/** The connection of an administrator. */
export interface AdminConnection extends ListedConnection, Administrator {
  /** Lets others have their turn, if it is time for that, however slowly the peer reads. */
  yieldTurn(): Promise<void> | undefined;
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
export async function administer(
  context: ServerContext,
  connection: AdminConnection,
  request: AdminRequest,
  options: AdminOptions,
): Promise<void> {
  const filter = request.action === "purge" ? { topic: request.topic } : undefined;
  const refusal = administrationRefusal(connection, WORDS[request.action], filter);
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
      const { connection: id } = request;
      logAdministration(context, connection, "admin_disconnect", `disconnected ${id}`, { id });
      // First: it may be the connection itself.
      reply(request, {}, options.replies);
      return found.disconnect();
    }
    case "purge": {
      // It does not wait until its peer reads: streams of others wait for it.
      const purged = await purgeTopic(context.queue, request, () => connection.yieldTurn());
      if (typeof purged !== "number") return replyError(context, request, purged, options.replies);
      logPurge(context, connection, request, purged);
      return reply(request, { purged }, options.replies);
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

function logPurge(
  context: ServerContext,
  connection: AdminConnection,
  { topic, before }: PurgeRequest,
  messages: number,
): void {
  const bound = before && boundOf(before);
  const count = `${messages} ${messages === 1 ? "message" : "messages"}`;
  const act = `purged ${quoted(topic)}${bound === undefined ? "" : ` before ${bound}`}: ${count}`;
  logAdministration(context, connection, "admin_purge", act, { topic, before: bound, messages });
}

/** Before what, for a person. A time may be one that no calendar has. */
function boundOf(before: NonNullable<PurgeRequest["before"]>): string {
  if ("seq" in before) return `${before.seq}`;
  if ("ago" in before) return `${before.ago} ms ago`;
  return new Date(before.time).toJSON() ?? `${before.time}`;
}

/** Connections that back up: each page is a request of its own. */
const backingUp = new WeakSet<AdminConnection>();

/**
 * A page has at most this many messages, and bytes of bodies; but at least one message. For a client that asks for small
 * frames it has less, so that it can get through.
 */
const PAGE = { count: 1024, bytes: 128 * 1024, topics: 250 };

/** Replies with what there is to back up, or with a page of it. */
async function backUp(
  context: ServerContext,
  connection: AdminConnection,
  request: BackupRequest,
  { peer, replies }: {
    readonly peer: Pick<Peer, "hasRoom" | "waitForRoom">;
    readonly replies: ReplyWriter;
  },
): Promise<void> {
  const { store } = context.queue;
  const { id, page, topicsAfter } = request;
  if (!backingUp.has(connection)) {
    logAdministration(context, connection, "admin_backup", "backs up all messages");
  }
  backingUp.add(connection);
  const { messages: maxCount, bytes: maxBytes } = pageSize(replies.frameBytes);
  const count = Math.min(PAGE.count, maxCount);
  const bytes = Math.min(PAGE.bytes, maxBytes);
  // After a break another server may answer, or one with another history: what is gone there means nothing here.
  const refusal = page &&
    await positionRefusal(context.queue, "back up", { seq: page.last, epoch: page.epoch });
  if (refusal) return replyError(context, request, refusal, replies);
  if (topicsAfter !== undefined) {
    const { gone, last, at, more } = await topicsGone(
      store,
      topicsAfter,
      Math.min(PAGE.topics, maxCount),
    );
    return replies.add(fitting(gone, replies.frameBytes, (part) => {
      const isCut = part.length < gone.length;
      return successReply(id, { gone: part, last, at, more: more || isCut });
    }));
  }
  if (!page) {
    const backup = await backupInfo(context);
    return replies.add(successReply(id, { backup }));
  }
  const { after, last } = page;
  while (!connection.closed) {
    const [found] = await store.read([{ prefix: "", after, count, bytes, identities: true }]);
    const messages = found!.messages.filter(({ seq }) => seq <= last);
    const through = Math.min(found!.through, Math.max(last, after));
    const text = fitting(messages, replies.frameBytes, (part) => {
      const isCut = part.length < messages.length;
      return backupPage(id, part, isCut ? part.at(-1)!.seq : through);
    });
    if (peer.hasRoom?.(text.length) ?? true) return replies.add(text);
    // They are read again once there is room for the reply.
    await peer.waitForRoom?.(text.length);
  }
}

/** A reply with so much of a page that it fits into a frame, or with one item: names of topics and identities may be long. */
function fitting<Item>(
  page: readonly Item[],
  frameBytes: number,
  encode: (part: readonly Item[]) => string,
): string {
  for (let part = page;; part = part.slice(0, part.length >> 1)) {
    const text = encode(part);
    if (part.length < 2 || utf8Length(text) <= frameBytes) return text;
  }
}

/** What is gone of the topics that come after one. */
async function topicsGone(
  store: Store,
  after: string,
  count: number,
): Promise<Omit<BackupGoneReply, "kind" | "id">> {
  const topics = await store.topics({ prefix: "", after, count });
  const more = topics.length === count;
  const names = topics.map(({ topic }) => topic);
  // The list of topics leaves out the empty one of dsmq 1.x. It is the last of all, so that no page begins after it.
  if (!more && await holdsMessages(store, "")) names.push("");
  const [bounds, newest] = await Promise.all([
    store.topicBounds(names.map((topic) => ({ topic }))),
    newestGone(store),
  ]);
  const gone = names.map((topic, i) => {
    const { gone, time } = bounds[i]!;
    return gone ? { topic, seq: gone.seq, at: goneAt(gone, time) } : { topic, seq: 0 };
  });
  const { seq: last, at } = newest;
  return { gone, last, at: last > 0 ? at : undefined, more };
}

async function holdsMessages(store: Store, topic: string): Promise<boolean> {
  const [page] = await store.read([{ topic, after: 0, count: 1, bytes: 1 }]);
  return page!.messages.length > 0;
}

/** The newest message that is gone, of any topic, and when the last one went. */
async function newestGone(store: Store): Promise<Gone> {
  const [[page], { floor, last, time }] = await Promise.all([
    store.read([{ prefix: "", after: 0, count: 1, bytes: 1, gone: true }]),
    store.bounds(),
  ]);
  const { gone } = page!;
  return { seq: Math.max(floor, Math.min(last, gone?.seq ?? 0)), at: goneAt(gone, time) };
}

/** The store may not know when the last one went: but it did by now, and what goes in this very millisecond is at most one later. */
function goneAt(gone: Gone | undefined, now: number): number {
  return Math.min(gone?.at ?? Infinity, now + 1);
}

async function backupInfo({ queue, welcome }: ServerContext): Promise<BackupInfo> {
  const { store, fence } = queue;
  if (fence) await fence();
  const [{ last, floor, time }, { seq: gone }] = await Promise.all([
    store.bounds(),
    newestGone(store),
  ]);
  const epochs = [...store.epochEnds ?? []].map(([epoch, last]) => ({ epoch, last }));
  const { retention } = welcome;
  return { store: store.id, epoch: store.epoch, epochs, last, floor, gone, time, retention };
}
