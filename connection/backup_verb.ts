/**
 * `backup`: the state of the store at one moment, and then page after page of its messages.
 *
 * @module
 */

import type { BackupRequest } from "../protocol/admin_requests.ts";
import type { BackupInfo } from "../protocol/backup_info.ts";
import { backupPage, successReply } from "../protocol/encode_replies.ts";
import type { Store } from "../stores/store.ts";
import type { Peer } from "../transports/peer.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import { replyError, type ServerContext } from "./server_context.ts";
import { positionRefusal } from "../queue/topic_purges.ts";

/** A page has at most this many messages, and bytes of bodies; but at least one message. */
const PAGE = { count: 1024, bytes: 128 * 1024, topics: 250 };

/** Replies with what there is to back up, or with a page of it. */
export async function backUp(
  context: ServerContext,
  connection: { readonly closed: boolean },
  request: BackupRequest,
  { peer, replies }: {
    readonly peer: Pick<Peer, "hasRoom" | "waitForRoom">;
    readonly replies: ReplyWriter;
  },
): Promise<void> {
  const { store } = context.queue;
  const { id, page, topicsAfter } = request;
  if (topicsAfter !== undefined) {
    return replies.add(successReply(id, await topicsGone(store, topicsAfter)));
  }
  if (!page) {
    const backup = await backupInfo(context);
    return replies.add(successReply(id, { backup }));
  }
  const { after, last, epoch } = page;
  const refusal = await positionRefusal(store, "back up", { seq: last, epoch });
  if (refusal) return replyError(context, request, refusal, replies);
  while (!connection.closed) {
    const [found] = await store.read([
      { prefix: "", after, count: PAGE.count, bytes: PAGE.bytes },
    ]);
    const messages = found!.messages.filter(({ seq }) => seq <= last);
    const text = backupPage(id, messages, Math.min(found!.through, Math.max(last, after)));
    if (peer.hasRoom?.(text.length) ?? true) return replies.add(text);
    // They are read again once there is room for the reply.
    await peer.waitForRoom?.(text.length);
  }
}

/** What is gone of the topics that come after one. */
async function topicsGone(store: Store, after: string): Promise<object> {
  const topics = await store.topics({ prefix: "", after, count: PAGE.topics });
  const [bounds, newest] = await Promise.all([
    store.topicBounds(topics.map(({ topic }) => ({ topic }))),
    newestGone(store),
  ]);
  const gone = topics.map(({ topic }, i) => ({ topic, seq: bounds[i]!.gone?.seq ?? 0 }));
  return { gone, last: newest, more: topics.length === PAGE.topics };
}

/** The newest message that is gone, of any topic. */
async function newestGone(store: Store): Promise<number> {
  const [[page], { floor, last }] = await Promise.all([
    store.read([{ prefix: "", after: 0, count: 1, bytes: 1, gone: true }]),
    store.bounds(),
  ]);
  return Math.max(floor, Math.min(last, page!.gone?.seq ?? 0));
}

async function backupInfo({ queue, welcome }: ServerContext): Promise<BackupInfo> {
  const { store } = queue;
  const [{ last, floor, time }, gone] = await Promise.all([store.bounds(), newestGone(store)]);
  const epochs = [...store.epochEnds ?? []].map(([epoch, last]) => ({ epoch, last }));
  return { store: store.id, epoch: welcome.epoch, epochs, last, floor, gone, time };
}
