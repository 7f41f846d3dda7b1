/**
 * What every server promises of the frames of a stream, and of where it begins without `since`.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import type { WireChecks } from "./checks.ts";
import { BODIES } from "./messages.ts";
import type { WireObject } from "./wire_connection.ts";

/** Credit that is never the bound. */
const CREDIT = { messages: 1000, bytes: 4_000_000 };

const ATTRIBUTES = { key: "é", headers: { a: "\u0001" } };

/** How many bytes a value is as JSON. */
function jsonBytes(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}

export const streamContents: WireChecks = {
  async "a stream brings each message exactly as it was put, with its time and the bytes that it takes"(
    wire,
  ) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    const bodies = [...BODIES, "with attributes"];
    const attributes = [...BODIES.map(() => null), ATTRIBUTES];
    const { seqs } = await mq.request({ action: "put", id: 1, topic, bodies, attributes });
    assertEquals(seqs?.length, bodies.length);
    const times: number[] = [];
    for (const _ of bodies) times.push((await mq.request({ action: "get", id: 2, topic })).time);
    for (const what of [{ topic }, { prefix: topic }]) {
      const reader = await wire.connect();
      const subscribe = { action: "subscribe", id: 3, since: { after: seqs[0] - 1 }, ...CREDIT };
      assertEquals((await reader.request({ ...subscribe, ...what })).start, seqs[0] - 1);
      const all: WireObject = { seqs: [], times: [], bodies: [] };
      while (all.seqs.length < seqs.length) {
        const frame = await reader.next();
        for (const [name, list] of Object.entries(all)) list.push(...frame[name]);
        const bytes = [...frame.bodies, ...(frame.attributes ?? []).filter(Boolean)];
        assertEquals(frame.bytes, bytes.map(jsonBytes).reduce((sum, n) => sum + n, 0), "bytes");
      }
      assertEquals(all, { seqs, times, bodies });
    }
  },

  async "a stream without since begins at the cursor, or at the start of the connection"(wire) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    const { seqs } = await mq.request({ action: "put", id: 1, topic, bodies: ["a", "b"] });
    const { epoch } = await mq.request({ action: "hello", id: 2 });
    const subscribe = { action: "subscribe", id: 3, topic, ...CREDIT };
    const reader = await wire.connect();
    await reader.request({ action: "get", id: 1, topic, since: "start" });
    const back = await wire.connect();
    const cursor = { after: seqs[0], epoch };
    for (const [connection, more] of [[reader, {}], [back, { cursor }]] as const) {
      const opened = await connection.request({ ...subscribe, ...more });
      assertEquals([opened.start, opened.through], [seqs[0], seqs[0]]);
      const { prev, bodies } = await connection.next();
      assertEquals([prev, bodies], [seqs[0], ["b"]]);
    }
    const newcomer = await wire.connect();
    const { start } = await newcomer.request(subscribe);
    assert(start >= seqs[1], "what was stored before the connection is not part of it");
    const { seq } = await mq.request({ action: "put", id: 4, topic, body: "c" });
    const frame = await newcomer.next();
    assertEquals([frame.prev, frame.seqs, frame.bodies], [start, [seq], ["c"]]);
  },
};
