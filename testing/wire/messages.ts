/**
 * What every server promises of messages: puts, reads, waits, and clients of dsmq 1.x.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import type { WireChecks } from "./checks.ts";

/** Texts that something between two clients might damage. */
export const BODIES: readonly string[] = [
  "",
  " ",
  "\0",
  "\ud800",
  "\u{1f995}",
  '"\\\r\n',
  "123",
  "null",
  "\u2028",
];

/** How long a wait takes that finds nothing, in milliseconds. */
const WAIT = 250;

export const messages: WireChecks = {
  async "every reader reads every message of a topic, once, oldest first, exactly as it was put"(
    wire,
  ) {
    const [putter, one, two] = [await wire.connect(), await wire.connect(), await wire.connect()];
    const topic = wire.topic();
    const { seqs } = await putter.request({ action: "put", id: 1, topic, bodies: BODIES });
    assertEquals(seqs, seqs.toSorted((a: number, b: number) => a - b));
    assertEquals(new Set(seqs).size, BODIES.length);
    for (const reader of [one, two]) {
      for (const [i, body] of BODIES.entries()) {
        const got = await reader.request({ action: "get", id: i, topic });
        assertEquals([got.body, got.seq, got.through], [body, seqs[i], seqs[i]]);
        assert(Number.isSafeInteger(got.time), "it tells when the message was stored");
      }
      const none = await reader.request({ action: "get", id: 99, topic });
      assertEquals([none.body, none.seq, none.through], ["", undefined, seqs.at(-1)]);
    }
  },

  async "a connection reads from its beginning on, unless since says otherwise"(wire) {
    const [putter, topic] = [await wire.connect(), wire.topic()];
    const { seqs } = await putter.request({ action: "put", id: 1, topic, bodies: ["a", "b", "c"] });
    const read = async (since?: unknown) => {
      const reader = await wire.connect();
      return (await reader.request({ action: "get", id: 1, topic, since })).body;
    };
    assertEquals(await read(), "");
    assertEquals(await read("now"), "");
    assertEquals(await read("start"), "a");
    assertEquals(await read({ after: seqs[0] }), "b");
    assertEquals(await read({ ago: 600_000 }), "a");
    const { epoch } = await putter.request({ action: "hello", id: 2 });
    assertEquals(await read({ after: seqs[1], epoch }), "c");
    const unknown = await wire.connect();
    const since = { after: 1, epoch: crypto.randomUUID() };
    const gap = await unknown.request({ action: "get", id: 1, topic, since });
    assertEquals(gap.error?.code, "epoch_changed");
  },

  async "get_latest reads the newest message, and those before it are never read"(wire) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    await mq.request({ action: "put", id: 1, topic, bodies: ["old", "new"] });
    assertEquals((await mq.request({ action: "get_latest", id: 2, topic })).body, "new");
    assertEquals((await mq.request({ action: "get", id: 3, topic })).seq, undefined);
  },

  async "get_wait replies once a message is stored, and meanwhile other requests are answered"(
    wire,
  ) {
    const [reader, putter] = [await wire.connect(), await wire.connect()];
    const topic = wire.topic();
    reader.send({ action: "get_wait", id: 1, topic, timeout: 60_000 });
    assertEquals(await reader.request({ action: "heartbeat", id: 2 }), { id: 2 });
    const { seq } = await putter.request({ action: "put", id: 1, topic, body: "at last" });
    const got = await reader.next();
    assertEquals([got.id, got.body, got.seq], [1, "at last", seq]);
    const none = await reader.request({ action: "get_wait", id: 3, topic, timeout: 0 });
    assertEquals([none.id, none.body, none.seq], [3, "", undefined]);
  },

  async "get_wait that finds nothing replies once its time is over, and not before"(wire) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    const begun = performance.now();
    const none = await mq.request({ action: "get_wait", id: 1, topic, timeout: WAIT });
    assertEquals([none.id, none.body, none.seq], [1, "", undefined]);
    // Clocks tell whole milliseconds.
    assert(performance.now() - begun > WAIT - 10, `it waits for ${WAIT} ms`);
  },

  async "cancel ends a wait, which replies as if its time were over"(wire) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    const [one, other] = await mq.requests([
      { action: "get_wait", id: 1, topic, timeout: 60_000 },
      { action: "cancel", id: 2, wait: 1 },
    ]);
    const [wait, cancelled] = one!.id === 1 ? [one!, other!] : [other!, one!];
    assertEquals([wait.id, wait.body, wait.seq], [1, "", undefined]);
    assertEquals(cancelled, { id: 2 });
  },

  async "a put that is repeated within its session is stored once"(wire) {
    const topic = wire.topic();
    const session = crypto.randomUUID();
    const first = await wire.connect();
    await first.request({ action: "hello", id: 1, session, try: 1 });
    const put = { action: "put", id: 2, topic, body: "once", n: 1 };
    const { seq } = await first.request(put);
    const second = await wire.connect();
    await second.request({ action: "hello", id: 1, session, try: 2 });
    assertEquals(await second.request(put), { id: 2, seq, dup: true });
    const newer = await second.request({ ...put, id: 3, body: "newer", n: 5 });
    assertEquals((await second.request({ ...put, id: 4, n: 3 })).error?.code, "superseded");
    const reader = await wire.connect();
    const got = await reader.request({ action: "get", id: 1, topic, since: "start" });
    assertEquals([got.body, got.seq], ["once", seq]);
    assertEquals((await reader.request({ action: "get", id: 2, topic })).seq, newer.seq);
    assertEquals((await reader.request({ action: "get", id: 3, topic })).seq, undefined);
  },

  async "topics lists those that hold messages, in order, page by page"(wire) {
    const mq = await wire.connect();
    const prefix = wire.topic();
    const names = ["a", "b", "c"].map((name) => `${prefix}.${name}`);
    let newest = 0;
    for (const topic of names.toReversed()) {
      const { seqs } = await mq.request({ action: "put", id: 1, topic, bodies: ["x", "y"] });
      newest = seqs[1];
    }
    const first = await mq.request({ action: "topics", id: 2, prefix, after: "", count: 2 });
    assertEquals(first.topics.map(({ topic }: { topic: string }) => topic), names.slice(0, 2));
    assertEquals([first.topics[0].messages, first.topics[0].seq, first.more], [2, newest, true]);
    const rest = await mq.request({ action: "topics", id: 3, prefix, after: names[1], count: 2 });
    assertEquals(rest.topics.map(({ topic }: { topic: string }) => topic), names.slice(2));
  },

  async "a client of dsmq 1.x gets one message for each get, and no other frame"(wire) {
    const [mq, today, topic] = [await wire.connect1x(), await wire.connect(), wire.topic()];
    // A topic that a limit refuses is told to no client of dsmq 1.x.
    const { seq } = await today.request({ action: "put", id: 1, topic, body: "first" });
    assert(seq > 0, "the put is stored");
    assertEquals(await mq.request({ action: "get", topic }), { message: "first" });
    mq.send({ action: "put", topic, message: "hello" });
    mq.send({ action: "put", topic, message: "world" });
    mq.send("this is no JSON");
    mq.send({ action: "no_such_action" });
    assertEquals(await mq.request({ action: "get", topic }), { message: "hello" });
    mq.send({ action: "put", topic, message: "latest" });
    assertEquals(await mq.request({ action: "get_latest", topic }), { message: "latest" });
    assertEquals(await mq.request({ action: "get", topic }), { message: "" });
    const refused = await mq.request({ action: "get", topic: "a\nb" });
    assertEquals([refused.message, refused.error?.code], ["", "bad_topic"]);
  },

  async "clients of dsmq 1.x and of today read each other's messages"(wire) {
    const [old, mq, topic] = [await wire.connect1x(), await wire.connect(), wire.topic()];
    assertEquals(await old.request({ action: "get", topic }), { message: "" });
    await mq.request({ action: "put", id: 1, topic, body: "from today" });
    assertEquals(await old.request({ action: "get", topic }), { message: "from today" });
    old.send({ action: "put", topic, message: "from 1.x" });
    assertEquals(await old.request({ action: "get", topic }), { message: "from 1.x" });
    const bodies = [2, 3].map((id) => ({ action: "get", id, topic }));
    const got = await mq.requests(bodies);
    assertEquals(got.map(({ body }) => body), ["from today", "from 1.x"]);
  },
};
