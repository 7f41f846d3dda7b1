/**
 * What every server promises of streams.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import type { WireChecks } from "./checks.ts";
import type { WireConnection, WireObject } from "./wire_connection.ts";

/** Credit in bytes that is never the bound. */
const BYTES = 4_000_000;

/** The number of a message that was put. */
function stored({ seq }: WireObject): number {
  assert(seq > 0, "the put is stored");
  return seq;
}

/** Reads frames of a stream until it has so many messages; asserts that each continues the one before. */
async function take(mq: WireConnection, sub: number, start: number, count: number) {
  assert(Number.isSafeInteger(start), "the reply tells after which number the stream begins");
  const taken: { seq: number; body: string }[] = [];
  let prev = start;
  while (taken.length < count) {
    const frame = await mq.next();
    assertEquals([frame.sub, frame.id, frame.prev], [sub, undefined, prev]);
    assertEquals([frame.times.length, frame.bodies.length], Array(2).fill(frame.seqs.length));
    assert(frame.bytes > 0, "it tells how many bytes it used");
    for (const [i, seq] of frame.seqs.entries()) taken.push({ seq, body: frame.bodies[i] });
    prev = frame.seqs.at(-1);
  }
  assertEquals(taken.length, count);
  return taken.map(({ body }) => body);
}

export const streams: WireChecks = {
  async "a stream brings what is stored, and what will be, in order"(wire) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    const { seqs } = await mq.request({ action: "put", id: 1, topic, bodies: ["a", "b"] });
    assertEquals(seqs?.length, 2);
    const subscribe = {
      action: "subscribe",
      id: 2,
      topic,
      since: "start",
      messages: 9,
      bytes: BYTES,
    };
    const opened = await mq.request(subscribe);
    assertEquals([opened.id, opened.sub], [2, 2]);
    assertEquals(await take(mq, 2, opened.start, 2), ["a", "b"]);
    const putter = await wire.connect();
    const { seq } = await putter.request({ action: "put", id: 1, topic, body: "c" });
    const frame = await mq.next();
    assertEquals([frame.sub, frame.prev, frame.seqs, frame.bodies], [2, seqs[1], [seq], ["c"]]);
  },

  async "a stream sends no more than its credit, and goes on once there is more"(wire) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    const put = { action: "put", id: 1, topic, bodies: ["a", "b", "c", "d"] };
    assertEquals((await mq.request(put)).seqs?.length, 4);
    const subscribe = {
      action: "subscribe",
      id: 2,
      topic,
      since: "start",
      messages: 1,
      bytes: BYTES,
    };
    const { start } = await mq.request(subscribe);
    assertEquals(await take(mq, 2, start, 1), ["a"]);
    // Whatever it sent too much would come before this.
    assertEquals(await mq.request({ action: "heartbeat", id: 3 }), { id: 3 });
    mq.send({ action: "credit", sub: 2, messages: 3, bytes: BYTES });
    const bodies: string[] = [];
    while (bodies.length < 2) bodies.push(...(await mq.next()).bodies);
    assertEquals(bodies, ["b", "c"]);
    assertEquals(await mq.request({ action: "heartbeat", id: 4 }), { id: 4 });
  },

  async "unsubscribe ends a stream, and what ended may be ended again"(wire) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    const subscribe = { action: "subscribe", id: 1, topic, messages: 9, bytes: BYTES };
    assertEquals((await mq.request(subscribe)).sub, 1);
    assertEquals(await mq.request({ action: "unsubscribe", id: 2, sub: 1 }), { id: 2 });
    assertEquals(await mq.request({ action: "unsubscribe", id: 3, sub: 1 }), { id: 3 });
    await mq.request({ action: "put", id: 4, topic, body: "x" });
    assertEquals(await mq.request({ action: "heartbeat", id: 5 }), { id: 5 });
  },

  async "a position of an unknown epoch ends a stream with epoch_changed, or goes on as onGap says"(
    wire,
  ) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    stored(await mq.request({ action: "put", id: 1, topic, body: "kept" }));
    const since = { after: 1, epoch: crypto.randomUUID() };
    const subscribe = { action: "subscribe", topic, since, messages: 9, bytes: BYTES };
    const refused = await mq.request({ ...subscribe, id: 2 });
    assertEquals([refused.id, refused.error?.code, refused.error?.after], [2, "epoch_changed", 1]);
    const { start } = await mq.request({ ...subscribe, id: 3, onGap: "oldest" });
    assertEquals(await take(mq, 3, start, 1), ["kept"]);
  },

  async "a stream of a prefix brings the messages of all its topics in one order, with their topics"(
    wire,
  ) {
    const [mq, prefix] = [await wire.connect(), wire.topic()];
    const names = [`${prefix}.b`, `${prefix}.a`, `${prefix}.b`, `${prefix}.c`];
    const put = async (id: number) =>
      stored(await mq.request({ action: "put", id, topic: names[id], body: `${id}` }));
    const seqs = [await put(0), await put(1)];
    const subscribe = { action: "subscribe", id: 9, prefix, since: { after: seqs[0]! - 1 } };
    assertEquals((await mq.request({ ...subscribe, messages: 9, bytes: BYTES })).sub, 9);
    const frames: Record<string, unknown[]> = { topics: [], seqs: [], bodies: [] };
    const collect = (frame: WireObject) => {
      assertEquals([frame.sub, frame.id], [9, undefined]);
      for (const [name, list] of Object.entries(frames)) list.push(...frame[name]);
    };
    while (frames.seqs!.length < 2) collect(await mq.next());
    const putter = await wire.connect();
    const more = [2, 3].map((id) => ({ action: "put", id, topic: names[id], body: `${id}` }));
    seqs.push(...(await putter.requests(more)).map(stored));
    while (frames.seqs!.length < 4) collect(await mq.next());
    assertEquals(frames, { topics: names, seqs, bodies: ["0", "1", "2", "3"] });
  },

  async "a request for a stream needs a topic or a prefix, and not both"(wire) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    for (const what of [{}, { topic, prefix: topic }]) {
      const request = { action: "subscribe", id: 1, ...what, messages: 1, bytes: BYTES };
      const reply = await mq.request(request);
      assertEquals([reply.id, reply.error?.code], [1, "bad_request"]);
    }
  },
};
