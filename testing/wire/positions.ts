/**
 * What every server promises of positions: where a connection begins, what `since` names, and what is told of a gap.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import type { Wire, WireChecks } from "./checks.ts";
import type { WireConnection, WireObject } from "./wire_connection.ts";

/** Credit that is never the bound. */
const CREDIT = { messages: 9, bytes: 4_000_000 };

/** Further than a busy server comes during a check. */
const BEYOND = 1_000_000_000;

/** The reply to the first request of a connection. */
async function first(wire: Wire, request: WireObject): Promise<WireObject> {
  return await (await wire.connect()).request({ id: 1, ...request });
}

/** Asks until the store's time is so far. */
async function untilTime(mq: WireConnection, time: number): Promise<void> {
  const begun = performance.now();
  while ((await mq.request({ action: "hello", id: 1 })).time < time) {
    assert(performance.now() - begun < 5000, "the store's time goes on");
  }
}

export const positions: WireChecks = {
  async "hello tells where the connection starts, and which numbers the store has"(wire) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    const { seqs: [a, b] } = await mq.request({ action: "put", id: 1, topic, bodies: ["a", "b"] });
    const hello = await first(wire, { action: "hello" });
    assert(hello.last >= b, "last is the last number");
    assert(hello.start >= b && hello.start <= hello.last, "it starts after what is stored");
    assert(hello.floor < a, "what is there is not below the floor");
    const fromStart = await first(wire, { action: "hello", since: "start" });
    assert(fromStart.start < a, "the start is before all that is there");
    const since = { after: a, epoch: hello.epoch };
    const reader = await wire.connect();
    assertEquals((await reader.request({ action: "hello", id: 1, since })).start, a);
    assertEquals((await reader.request({ action: "get", id: 2, topic })).body, "b");
  },

  async "since takes a time of the store, or how long ago it was"(wire) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    const times: number[] = [];
    const put = async (body: string) => {
      await mq.request({ action: "put", id: 1, topic, body });
      const { time } = await mq.request({ action: "get", id: 2, topic });
      assert(Number.isSafeInteger(time), "it tells when the message was stored");
      await untilTime(mq, time + 5);
      times.push(time);
    };
    await put("a");
    await put("b");
    const read = async (since: object) => {
      const { body } = await first(wire, { action: "get", topic, since });
      const reader = await wire.connect();
      await reader.request({ action: "hello", id: 1, since });
      assertEquals((await reader.request({ action: "get", id: 2, topic })).body, body, "hello");
      if (body === "") return body;
      const subscribe = { action: "subscribe", id: 3, topic, since, ...CREDIT };
      assertEquals((await reader.request(subscribe)).sub, 3);
      assertEquals((await reader.next()).bodies[0], body, "subscribe");
      return body;
    };
    assertEquals(await read({ time: times[0] }), "a");
    assertEquals(await read({ time: times[0]! + 2 }), "b");
    assertEquals(await read({ time: times[1] }), "b");
    assertEquals(await read({ time: times[1]! + 2 }), "");
    assertEquals(await read({ ago: 0 }), "");
    assertEquals(await read({ ago: 600_000 }), "a");
  },

  async "dedupComplete is true only if the server knows the session's puts from that position on"(
    wire,
  ) {
    const [session, topic] = [crypto.randomUUID(), wire.topic()];
    const mq = await wire.connect();
    const { epoch, last } = await mq.request({ action: "hello", id: 1, session, try: 1 });
    const { seq } = await mq.request({ action: "put", id: 2, topic, body: "x", n: 1 });
    const ask = async (known: object, tries: object = { session: crypto.randomUUID(), try: 1 }) =>
      (await first(wire, { action: "hello", known, ...tries })).dedupComplete;
    assertEquals(await ask({ epoch, seq: last }, { session, try: 2 }), true);
    assertEquals(await ask({ epoch: crypto.randomUUID(), seq }), false, "an unknown epoch");
    assertEquals(await ask({ epoch, seq: seq + BEYOND }), false, "a number that was never used");
    assertEquals(
      await ask({ epoch: crypto.randomUUID(), seq: last }, { session, try: 3 }),
      false,
      "an unknown epoch of a known session",
    );
  },

  async "a position beyond the last number is told as ahead, once, with where to go on"(wire) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    const { seq } = await mq.request({ action: "put", id: 1, topic, body: "before" });
    const { epoch } = await mq.request({ action: "hello", id: 2 });
    const after = seq + BEYOND;
    for (const since of [{ after, epoch }, { after }]) {
      const subscribe = { action: "subscribe", topic, since, ...CREDIT };
      const refused = await first(wire, subscribe);
      gap(refused, "ahead", after);
      const [reader, greeted] = [await wire.connect(), await wire.connect()];
      gap(await reader.request({ action: "get", id: 1, topic, since }), "ahead", after);
      await greeted.request({ action: "hello", id: 1, since });
      gap(await greeted.request({ action: "get", id: 1, topic }), "ahead", after);
      const put = await mq.request({ action: "put", id: 3, topic, body: "next" });
      for (const connection of [reader, greeted]) {
        const { body, seq } = await connection.request({ action: "get", id: 2, topic });
        assertEquals([body, seq], ["next", put.seq]);
      }
    }
  },

  async "a position of an unknown epoch is told once, with where to go on"(wire) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    const { seq } = await mq.request({ action: "put", id: 1, topic, body: "kept" });
    const since = { after: seq, epoch: crypto.randomUUID() };
    const { through } = gap(
      await first(wire, { action: "subscribe", topic, since, ...CREDIT }),
      "epoch_changed",
      seq,
    );
    const next = await first(wire, { action: "get", topic, since: { after: through } });
    assertEquals([next.body, next.seq], ["kept", seq], "nothing that is left is passed over");
    const reader = await wire.connect();
    gap(await reader.request({ action: "get", id: 1, topic, since }), "epoch_changed", seq);
    assertEquals((await reader.request({ action: "get", id: 2, topic, since })).body, "kept");
  },
};

/** Asserts that a reply tells a gap, and where reading goes on. */
function gap(reply: WireObject, code: string, after: number): WireObject {
  assertEquals([reply.error?.code, reply.error?.after], [code, after]);
  for (const field of ["floor", "last"]) {
    assert(Number.isSafeInteger(reply.error[field]), `the error has ${field}`);
  }
  assert(Number.isSafeInteger(reply.through), "through says where reading goes on");
  assert(reply.through <= reply.error.last, "it goes on within what the store has");
  return reply;
}
