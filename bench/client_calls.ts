/**
 * Calls of a client, from whichever checkout: they use only the public interface, which all checkouts share.
 *
 * Nothing here loads a client, so a process measures the client that it has loaded itself.
 *
 * @module
 */

import type { Connection } from "../client.ts";
import { measureRate } from "../cli/measure/calls.ts";

/** The part of a connection that is measured. */
export type Client = Pick<Connection, "put" | "get" | "getWait" | "subscribe" | "close">;

/** The message of most scenarios: 64 bytes. */
export const MESSAGE = "m".repeat(64);

/** Gets a message that must be there. */
export async function getMessage(client: Client, topic: string): Promise<void> {
  if (await client.get(topic) === "") throw new Error("dsmq has no message there");
}

/**
 * Wakes a waiting client repeatedly.
 *
 * @param count how often
 * @param putter puts the messages
 * @param waiter waits for them
 * @param other a third connection
 * @returns the time of each, from the put to the message, in milliseconds
 */
export async function wakeTimes(
  count: number,
  putter: Client,
  waiter: Client,
  other: Client,
): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const message = waiter.getWait("wake");
    // When this is answered the earlier wait is registered. The waiter's own connection would make that certain, but
    // the system would then send a TCP acknowledgement during the measurement.
    await other.get("nothing");
    const begin = performance.now();
    const put = putter.put("wake", MESSAGE);
    if (await message === "") throw new Error("the waiter was not woken");
    times.push(performance.now() - begin);
    await put;
  }
  return times;
}

/**
 * Puts messages to subscribers. Every put is acknowledged, and every arrival is counted.
 *
 * @param putter puts them
 * @param readers each subscribes and reads all messages
 * @param count how many messages
 * @param window how many puts are in flight at a time
 */
export async function deliver(
  putter: Client,
  readers: readonly Client[],
  count: number,
  window: number,
): Promise<void> {
  const arrivals = readers.map(async (reader) => {
    let left = count;
    // By default it would start where the connection did, with messages of earlier rounds.
    for await (const _ of reader.subscribe("stream", { since: "now" })) if (--left === 0) return;
  });
  // The reply to this comes after the reply to the subscription.
  await Promise.all(readers.map((reader) => reader.get("nothing")));
  await measureRate(count, window, () => putter.put("stream", MESSAGE));
  await Promise.all(arrivals);
}
