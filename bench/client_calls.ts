/**
 * What is done with a client, of whichever checkout: only the public interface is used, which all of them have.
 *
 * Nothing here loads a client, so that a process measures the one that it has loaded itself.
 *
 * @module
 */

import type { Connection } from "../client.ts";
import { measureRate } from "../cli/measure/calls.ts";

/** The part of a connection that is measured. */
export type Client = Pick<Connection, "put" | "get" | "getWait" | "subscribe" | "close">;

/** The message of most works: 64 bytes. */
export const MESSAGE = "m".repeat(64);

/** Gets a message that is there. */
export async function getMessage(client: Client, topic: string): Promise<void> {
  if (await client.get(topic) === "") throw new Error("dsmq has no message there");
}

/**
 * Wakes a client that waits, again and again.
 *
 * @param count how often
 * @param putter puts what is waited for
 * @param waiter waits
 * @param other a third connection
 * @returns how long each waking took, from the put to the message, in milliseconds
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
    // By its answer the waiter, who asked before, is in line. On the waiter's own connection, where that is
    // certain, the system would owe an acknowledgement, and send it in the midst of what is measured.
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
 * Puts messages that others subscribe to. Every put is acknowledged, and every message counted where it arrives.
 *
 * @param putter puts them
 * @param readers each subscribes, and reads all of them
 * @param count how many messages
 * @param window how many puts are under way at a time
 */
export async function deliver(
  putter: Client,
  readers: readonly Client[],
  count: number,
  window: number,
): Promise<void> {
  const arrivals = readers.map(async (reader) => {
    let left = count;
    // Without a position it would begin where the connection did: with the messages of earlier rounds.
    for await (const _ of reader.subscribe("stream", { since: "now" })) if (--left === 0) return;
  });
  // An answer that comes after the subscription's.
  await Promise.all(readers.map((reader) => reader.get("nothing")));
  await measureRate(count, window, () => putter.put("stream", MESSAGE));
  await Promise.all(arrivals);
}
