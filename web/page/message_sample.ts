/**
 * A sample of the newest messages of a topic, where more arrive than a person can look at.
 *
 * @module
 */

import type { TailApi } from "./recent_messages.ts";
import { HttpError, type MessagePage, type PageMessage, positionAt } from "./server_api.ts";
import { gapText } from "./tail_failure.ts";

/** How many messages a page may have, and how many of the newest are a sample. */
const [PAGE, NEWEST] = [100, 50] as const;

/** A sample, and from where to go on. */
export interface MessageSample {
  /** Messages, and what is to be said between them. */
  readonly rows: readonly (PageMessage | string)[];
  readonly next: string;
  /** Some messages were left out. */
  readonly isBehind: boolean;
}

/**
 * Takes all messages after a position; or, if they are too many, some of the newest.
 *
 * @param api asks the server
 * @param topic the topic
 * @param after the position
 * @param signal ends it
 */
export async function takeSample(
  api: TailApi,
  topic: string,
  after: string,
  signal: AbortSignal,
): Promise<MessageSample> {
  const last = (await api.topic(topic, signal))?.seq ?? 0;
  const read = async (after: string): Promise<Omit<MessageSample, "isBehind">> => {
    try {
      const page: MessagePage = await api.messages(topic, { after, count: PAGE }, signal);
      return { rows: page.messages, next: page.next };
    } catch (error) {
      if (!(error instanceof HttpError) || error.position === undefined) throw error;
      return { rows: [gapText(error)], next: error.position };
    }
  };
  const page = await read(after);
  const newest = page.rows.at(-1);
  const isBehind = typeof newest === "object" && newest.seq < last;
  if (!isBehind) return { ...page, isBehind };
  // Of the same history: a number alone would be one of whatever the server has by now.
  return { ...await read(positionAt(after, Math.max(0, last - NEWEST))), isBehind };
}
