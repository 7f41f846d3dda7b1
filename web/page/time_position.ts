/**
 * Where in a topic a time is.
 *
 * @module
 */

import type { Connection } from "../../client.ts";

/** How long the first message after the time may take to arrive, in milliseconds; later there is none. */
const FIRST_MESSAGE_TIMEOUT = 2000;

/**
 * Finds the first message of a topic that was stored at a time or later.
 *
 * @param mq asks the server, which knows its own clock
 * @param topic the topic
 * @param time when, or how many milliseconds ago
 * @returns the number after which to read; `undefined` if there is none
 */
export async function numberBefore(
  mq: Connection,
  topic: string,
  time: Date | { readonly ago: number },
): Promise<string | undefined> {
  const signal = AbortSignal.timeout(FIRST_MESSAGE_TIMEOUT);
  const stream = mq.subscribe(topic, { since: time, onGap: "oldest", signal });
  try {
    const { value } = await stream.next();
    return value && `${value.seq - 1}`;
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  } finally {
    await stream.return!();
  }
}
