/**
 * The newest messages of a topic.
 *
 * @module
 */

import type { ServerStatus } from "../../http/server_status.ts";
import { HttpError, type MessagePage, type PageQuery, type ServerApi } from "./server_api.ts";

/** The newest messages of a topic. */
export interface RecentMessages extends MessagePage {
  /** The topic has older ones, too. */
  readonly hasOlder: boolean;
}

/** What a tail needs of the server. */
export interface TailApi extends Pick<ServerApi, "messages" | "topic"> {
  /** What time it is there. */
  status(signal: AbortSignal): Promise<Pick<ServerStatus, "time">>;
}

/** About how many messages are looked for, and in how many requests at most. */
const RECENT = { wanted: 30, tries: 12 } as const;

/** How many messages a page may have. */
const PAGE = 200;

/**
 * Finds the newest messages of a topic: a page is read forwards from a number, and the numbers of a topic have gaps of any size.
 *
 * @param api asks the server
 * @param topic the topic
 * @param signal ends it
 * @returns about thirty messages; fewer, if there are no more, or if they are large
 */
export async function recentMessages(
  api: TailApi,
  topic: string,
  signal: AbortSignal,
): Promise<RecentMessages> {
  const info = await api.topic(topic, signal);
  if (!info) {
    // Not from now on: the first message may come in this moment.
    const page = await api.messages(topic, { after: "start", count: PAGE }, signal);
    return { ...page, hasOlder: false };
  }
  // Between a distance that finds too few messages and one that finds more than a page.
  let [near, far, distance] = [0, info.seq, 2 * RECENT.wanted];
  let best: MessagePage | undefined;
  for (let i = 0; i < RECENT.tries; i++) {
    distance = Math.min(distance, far);
    const after = `${info.seq - distance}`;
    const page = await pageOrGap(api, topic, { after, count: PAGE }, signal);
    // Where older ones are gone it is as if there were more than a page.
    const isWhole = typeof page === "object" && (page.messages.at(-1)?.seq ?? 0) >= info.seq;
    if (isWhole) {
      best = page;
      if (page.messages.length >= Math.min(RECENT.wanted, info.messages)) break;
      near = distance;
      distance *= 8;
    } else {
      far = distance;
      distance = Math.ceil((near + far) / 2);
    }
    if (near >= far - 1) break;
  }
  if (best) return { ...best, hasOlder: best.messages.length < info.messages };
  const page = await pageOrGap(api, topic, { after: `${info.seq - 1}`, count: 1 }, signal);
  // Even the newest is gone by now.
  if (typeof page === "string") return { messages: [], next: page, hasOlder: false };
  return { ...page, hasOlder: page.messages.length < info.messages };
}

/** A page; or, after a gap, from where to go on. */
async function pageOrGap(
  api: TailApi,
  topic: string,
  query: PageQuery,
  signal: AbortSignal,
): Promise<MessagePage | string> {
  try {
    return await api.messages(topic, query, signal);
  } catch (error) {
    if (error instanceof HttpError && error.position !== undefined) return error.position;
    throw error;
  }
}
