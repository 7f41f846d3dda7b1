/**
 * `backup`: the state of the store at one moment, and then page after page of its messages.
 *
 * @module
 */

import type { BackupRequest } from "../protocol/admin_requests.ts";
import type { BackupInfo } from "../protocol/backup_info.ts";
import { backupPage, successReply } from "../protocol/encode_replies.ts";
import type { Peer } from "../transports/peer.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import { replyError, type ServerContext } from "./server_context.ts";
import { positionRefusal } from "../queue/topic_purges.ts";

/** A page has at most this many messages, and bytes of bodies; but at least one message. */
const PAGE = { count: 1024, bytes: 128 * 1024 };

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
  const { id, page } = request;
  if (!page) {
    const backup = await backupInfo(context);
    return replies.add(successReply(id, { backup }));
  }
  const { after, last, epoch } = page;
  const refusal = await positionRefusal(store, "back up", { seq: last, epoch });
  if (refusal) return replyError(context, request, refusal, replies);
  while (!connection.closed) {
    const [found] = await store.read([{ prefix: "", after, ...PAGE }]);
    const messages = found!.messages.filter(({ seq }) => seq <= last);
    const text = backupPage(id, messages, Math.min(found!.through, Math.max(last, after)));
    if (peer.hasRoom?.(text.length) ?? true) return replies.add(text);
    // They are read again once there is room for the reply.
    await peer.waitForRoom?.(text.length);
  }
}

async function backupInfo({ queue, welcome }: ServerContext): Promise<BackupInfo> {
  const { store } = queue;
  // All as of one moment: what is gone is asked for in the same turn.
  const [[page], { last, floor, time }] = await Promise.all([
    store.read([{ prefix: "", after: 0, count: 1, bytes: 1, gone: true }]),
    store.bounds(),
  ]);
  const epochs = [...store.epochEnds ?? []].map(([epoch, last]) => ({ epoch, last }));
  const gone = Math.max(floor, Math.min(last, page!.gone?.seq ?? 0));
  return { store: store.id, epoch: welcome.epoch, epochs, last, floor, gone, time };
}
