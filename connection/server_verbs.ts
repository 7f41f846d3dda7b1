/**
 * The requests that concern the server, and not a topic: to list topics, and to shut down.
 *
 * @module
 */

import { administrationDenied, type Permissions } from "../auth/permissions.ts";
import type { TopicRange } from "../auth/topic_scope.ts";
import { successReply } from "../protocol/encode_replies.ts";
import type { TopicInfo } from "../protocol/topic_info.ts";
import type { TopicsRequest, WireRequestOf } from "../protocol/requests.ts";
import { compareCodePoints } from "../protocol/text.ts";
import type { Queue } from "../queue/queue.ts";
import type { Store } from "../stores/store.ts";
import type { Peer } from "../transports/peer.ts";
import { type Administrator, logAdministration } from "./admin_log.ts";
import { reply, replyError, type ServerContext } from "./server_context.ts";
import type { ReplyWriter } from "./reply_writer.ts";

/**
 * After how many look-ups of readers others may have their turn: some tenths of a millisecond. Each topic takes one, and one
 * for each length of the prefixes that are followed, of which there can be hundreds.
 */
const LOOK_UP_SLICE = 512;

/** What these need of their connection. */
export interface ServerVerbsOptions {
  readonly peer: Pick<Peer, "hasRoom" | "waitForRoom">;
  readonly replies: ReplyWriter;
  /** Whether a topic may be read now. */
  readonly mayRead: (topic: string) => boolean;
}

/** The connection. */
interface TopicsConnection {
  readonly permissions: Permissions | undefined;
  /** Lets others have their turn, if it is time for that. */
  pause(): Promise<void> | undefined;
}

/** Replies with a page of the topics that may be read. */
export async function listTopics(
  context: ServerContext,
  connection: TopicsConnection,
  request: WireRequestOf<"topics">,
  { peer, replies, mayRead }: ServerVerbsOptions,
): Promise<void> {
  for (;;) {
    const { readable } = connection.permissions ?? {};
    const found = await listReadableTopics(
      context.queue,
      request,
      readable,
      () => connection.pause(),
    );
    // The permissions can have changed meanwhile.
    const listed = found.filter(({ topic }) => mayRead(topic));
    const text = successReply(request.id, { topics: listed, more: found.length === request.count });
    if (peer.hasRoom?.(text.length) ?? true) return replies.add(text);
    // They are listed again once there is room for the reply.
    await peer.waitForRoom?.(text.length);
  }
}

/** Stops the server, if it allows clients to do that, and the permissions do. */
export function shutDownServer(
  context: ServerContext,
  connection: Pick<TopicsConnection, "permissions"> & Administrator,
  request: WireRequestOf<"shutdown">,
  replies: ReplyWriter,
): void {
  if (!context.shutdown) {
    const message = "Cannot shut down: the server does not allow clients to stop it";
    return replyError(context, request, { code: "permission_denied", message }, replies);
  }
  const { permissions } = connection;
  if (!permissions?.mayStop) {
    const denied = administrationDenied("shut down", permissions);
    return replyError(context, request, denied, replies);
  }
  logAdministration(context, connection, "admin_shutdown", "stops the server");
  reply(request, {}, replies);
  context.shutdown();
}

/** What a list of topics is made of. */
export interface TopicSources {
  readonly store: Pick<Store, "topics">;
  readonly readers: Pick<Queue["readers"], "of">;
  /** As {@linkcode Queue.fence}. */
  readonly fence?: Queue["fence"];
}

/**
 * Lists topics that may be read.
 *
 * @param queue the store with the topics, and who reads them
 * @param request which topics
 * @param readable the ranges that {@linkcode Permissions} has; `undefined` for all topics
 * @param pause lets others have their turn, if it is time
 * @returns a page of them, in the order of their code points
 */
export async function listReadableTopics(
  { store, readers, fence }: TopicSources,
  request: TopicsRequest,
  readable: readonly TopicRange[] | undefined,
  pause: () => Promise<void> | undefined,
): Promise<readonly TopicInfo[]> {
  if (fence) await fence();
  const found = await topicsInRanges(store, request, readable, pause);
  const topics: TopicInfo[] = [];
  let lookUps = 0;
  for (const count of readers.of(found.map(({ topic }) => topic))) {
    topics.push({ ...found[topics.length]!, readers: count.readers });
    lookUps += count.lookUps;
    if (lookUps < LOOK_UP_SLICE) continue;
    lookUps = 0;
    await pause();
  }
  return topics;
}

/** The topics that are in one of these ranges. `pause`: there may be thousands of ranges, and no topic. */
async function topicsInRanges(
  store: Pick<Store, "topics">,
  { prefix, after, count }: TopicsRequest,
  readable: readonly TopicRange[] | undefined,
  pause: () => Promise<void> | undefined,
): Promise<readonly TopicInfo[]> {
  if (readable === undefined) return await store.topics({ prefix, after, count });
  const found: TopicInfo[] = [];
  for (let i = firstFrom(readable, prefix, after); i < readable.length; i++) {
    if (found.length === count) break;
    const { text, isPrefix } = readable[i]!;
    // Ranges beyond those that begin with the prefix come later.
    if (!text.startsWith(prefix) && compareCodePoints(text, prefix) > 0) break;
    if (isPrefix) {
      const common = text.startsWith(prefix) ? text : prefix;
      if (!common.startsWith(text)) continue;
      found.push(...await store.topics({ prefix: common, after, count: count - found.length }));
    } else if (text.startsWith(prefix) && compareCodePoints(text, after) > 0) {
      // Of all topics that begin with its name it is the first.
      const [first] = await store.topics({ prefix: text, after, count: 1 });
      if (first?.topic === text) found.push(first);
    }
    await pause();
  }
  return found;
}

/** The index of the first range that can have topics that begin with a prefix and come after another topic. */
function firstFrom(readable: readonly TopicRange[], prefix: string, after: string): number {
  const from = compareCodePoints(prefix, after) > 0 ? prefix : after;
  let [low, high] = [0, readable.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareCodePoints(readable[middle]!.text, from) < 0) low = middle + 1;
    else high = middle;
  }
  return low > 0 && from.startsWith(readable[low - 1]!.text) ? low - 1 : low;
}
