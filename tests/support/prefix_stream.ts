/**
 * Streams of prefixes as their client sees them, frame by frame.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { RawClient } from "./raw_client.ts";
import { AMPLE } from "./raw_subscription.ts";

/** A request to subscribe to a prefix, with ample credit unless the fields change it. */
export const subscribe = (id: number, prefix: unknown, fields: object = {}) => ({
  action: "subscribe",
  id,
  prefix,
  ...AMPLE,
  ...fields,
});

/** Puts messages into a topic, and waits until they are stored. */
export async function put(
  client: RawClient,
  topic: string,
  ...bodies: string[]
): Promise<number[]> {
  return (await client.request({ action: "put", id: 1, topic, bodies })).seqs;
}

/** Reads frames of a stream until a message, and checks that they continue each other: topics and bodies. */
export async function readTo(
  client: RawClient,
  prev: number,
  last: string,
): Promise<[string, string][]> {
  const found: [string, string][] = [];
  while (found.at(-1)?.[1] !== last) {
    const frame = await client.next();
    assertEquals(frame.prev, prev);
    prev = frame.seqs.at(-1);
    assertEquals([frame.topics.length, frame.seqs.length], Array(2).fill(frame.bodies.length));
    const bytes = frame.bodies.reduce(
      (sum: number, body: string) => sum + new TextEncoder().encode(JSON.stringify(body)).length,
      0,
    );
    assertEquals(frame.bytes, bytes, "names of topics take no credit");
    frame.bodies.forEach((body: string, i: number) => found.push([frame.topics[i], body]));
  }
  return found;
}
