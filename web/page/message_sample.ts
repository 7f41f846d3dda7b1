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

/** Up to where a topic was read. */
export interface SampledThrough {
  readonly position: string;
  /** How many messages of the topic were stored by then; `undefined` if that is not known. */
  readonly stored: number | undefined;
}

/** A sample, and from where to go on. */
export interface MessageSample {
  /** Messages, and what is to be said between them. */
  readonly rows: readonly (PageMessage | string)[];
  readonly through: SampledThrough;
  /** Some messages were left out. */
  readonly isBehind: boolean;
}

/**
 * Takes all messages after a position; or, if they are too many, some of the newest.
 *
 * @param api asks the server
 * @param topic the topic
 * @param after up to where it was read
 * @param signal ends it
 */
export async function takeSample(
  api: TailApi,
  topic: string,
  after: SampledThrough,
  signal: AbortSignal,
): Promise<MessageSample> {
  const { seq: last = 0, stored } = await api.topic(topic, signal) ?? {};
  // The numbers of a topic have gaps: they do not say how many messages came.
  const came = stored === undefined || after.stored === undefined
    ? Infinity
    : stored - after.stored;
  const read = seqOf(after.position);
  const isBehind = came > PAGE && last - read > PAGE;
  // Of the same history: a number alone would be one of whatever the server has by now.
  const from = isBehind ? positionAt(after.position, last - NEWEST) : after.position;
  try {
    const page: MessagePage = await api.messages(topic, { after: from, count: PAGE }, signal);
    const newest = page.messages.at(-1);
    // Of large messages a page has few.
    const isPart = newest !== undefined && newest.seq < last;
    const through = { position: page.next, stored: isPart ? undefined : stored };
    return { rows: page.messages, through, isBehind: isBehind || isPart };
  } catch (error) {
    if (!(error instanceof HttpError) || error.position === undefined) throw error;
    return {
      rows: [gapText(error)],
      through: { position: error.position, stored: undefined },
      isBehind,
    };
  }
}

function seqOf(position: string): number {
  return Number(position.slice(position.lastIndexOf(":") + 1));
}
