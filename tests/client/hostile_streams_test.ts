/**
 * A client of servers whose streams lie: out of order, more than was granted, before they were answered.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { connect, DsmqError, type MessageStream } from "@dsmq/server";
import { assertProtocolError, connectScripted } from "../support/scripted_connection.ts";
import { ScriptedServer } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** A stream that begins after 3. */
async function streamed(options: object = {}) {
  const { script, mq } = await connectScripted();
  const stream = mq.subscribe("t", options);
  const request = await script.next();
  await script.send({ id: request.id, sub: request.id, start: 3 });
  return { script, mq, stream, sub: request.id, request };
}

const frame = (sub: number, prev: number, seqs: readonly number[], bytes?: number) => ({
  sub,
  prev,
  bytes: bytes ?? seqs.length * 3,
  seqs,
  times: seqs.map(() => 1),
  bodies: seqs.map(() => "m"),
});

async function ends(stream: MessageStream): Promise<string> {
  return (await assertRejects(() => withTimeout(stream.next()), DsmqError)).code;
}

for (
  const [what, prev, seqs, bytes] of [
    ["goes back", 3, [5, 4]],
    ["repeats a message", 3, [4, 4]],
    ["begins before its start", 3, [3]],
    ["begins elsewhere", 2, [4]],
    ["is larger than it states", 3, [4, 5], 5],
    ["takes more bytes than were granted", 3, [4], 4 * 1024 * 1024 + 1],
    ["states the largest number of bytes", 3, [4], Number.MAX_SAFE_INTEGER],
    ["brings more messages than were granted", 3, Array.from({ length: 4097 }, (_, i) => i + 4)],
  ] as [string, number, number[], number?][]
) {
  Deno.test(`a stream that ${what} ends the connection`, async () => {
    const { script, mq, stream, sub } = await streamed();
    await script.send(frame(sub, prev, seqs, bytes));
    assertEquals(await ends(stream), "protocol_error");
    await assertProtocolError({ script, mq });
  });
}

/** Topics of a frame of a stream of the prefix `p.` that must not be. */
const WRONG_TOPICS: Record<string, unknown> = {
  "names no topics": undefined,
  "names the topic of another prefix": ["p.1", "q.1"],
  "names fewer topics than messages": ["p.1"],
  "names more topics than messages": ["p.1", "p.2", "p.3"],
  "names a topic that cannot be one": ["p.1", "p.\n"],
  "names a topic with half of a surrogate pair": ["p.1", "p.\ud800"],
  "names a topic without end": ["p.1", "p.".padEnd(100_000, "x")],
  "names a topic by a number": ["p.1", 5],
  "names an empty topic": ["p.1", ""],
  "names topics by one text": "p.",
  "names topics by an object": { 0: "p.1", 1: "p.2", length: 2 },
};
for (const [what, topics] of Object.entries(WRONG_TOPICS)) {
  Deno.test(`a stream of a prefix that ${what} ends the connection`, async () => {
    const { script, mq } = await connectScripted();
    const stream = mq.subscribe({ prefix: "p." });
    const request = await script.next();
    assertEquals([request.prefix, "topic" in request, "cursor" in request], ["p.", false, false]);
    await script.send({ id: request.id, sub: request.id, start: 3 });
    await script.send({ ...frame(request.id, 3, [4, 5]), topics: ["p.1", "p.2"] });
    await script.send({ ...frame(request.id, 5, [6, 7]), topics });
    // What came before is delivered.
    assertEquals((await withTimeout(stream.next())).value?.topic, "p.1");
    assertEquals((await withTimeout(stream.next())).value?.topic, "p.2");
    assertEquals(await ends(stream), "protocol_error");
    await assertProtocolError({ script, mq });
  });
}

Deno.test("a stream of one topic has messages of that topic alone, whatever the server says", async () => {
  const { script, mq, stream, sub } = await streamed();
  await script.send({ ...frame(sub, 3, [4]), topics: ["another"] });
  assertEquals((await withTimeout(stream.next())).value?.topic, "t");
  await mq.close();
});

Deno.test("credit is granted once, however small the frames", async () => {
  const { script, mq, stream, sub } = await streamed();
  let prev = 3;
  for (let i = 0; i < 5000 && mq.status === "connected"; i += 100) {
    const seqs = Array.from({ length: 100 }, (_, i) => prev + 1 + i);
    await script.send(frame(sub, prev, seqs));
    prev += 100;
  }
  assertEquals(prev, 3 + 4100);
  // What was granted is delivered before the error.
  for (let i = 0; i < 4000; i++) assertEquals((await stream.next()).value!.seq, 4 + i);
  assertEquals(await ends(stream), "protocol_error");
  await assertProtocolError({ script, mq });
});

Deno.test("a stream before its answer ends the connection", async () => {
  const { script, mq } = await connectScripted();
  const stream = mq.subscribe("t");
  const { id } = await script.next();
  await script.send(frame(id, 0, [1]));
  assertEquals(await ends(stream), "protocol_error");
  await assertProtocolError({ script, mq });
});

for (const onGap of [undefined, "oldest", "now", () => "oldest" as const] as const) {
  Deno.test(`after a break a stream does not begin again before what it has delivered: onGap ${onGap}`, async () => {
    const script = new ScriptedServer();
    const mq = await connect(script.url, { dial: script.dial, reconnect: { minDelay: 0 } });
    const stream = mq.subscribe("t", { since: "start", ...(onGap && { onGap }) });
    const { id } = await script.next();
    await script.send({ id, sub: id, start: 0 });
    await script.send(frame(id, 0, [5]));
    assertEquals((await stream.next()).value!.seq, 5);
    script.hangUp();
    const again = await withTimeout(script.next());
    assertEquals(again.since, { after: 5, epoch: "e" });
    await script.send({ id: again.id, sub: again.id, start: 4 });
    assertEquals(await ends(stream), "protocol_error");
    await mq.close();
  });
}

Deno.test("a server that reports gaps without end is not asked forever", async () => {
  const { script, mq, stream, sub } = await streamed({ onGap: () => "oldest" });
  const next = stream.next().catch(({ code }) => code);
  const error = { code: "trimmed", message: "gone", after: 3, floor: 4, last: 9 };
  await script.send({ sub, error, through: 4 });
  let gaps = 1;
  for (; mq.status === "connected" && gaps < 2000; gaps++) {
    await script.send({ id: (await withTimeout(script.next())).id, error, through: 4 });
  }
  assertEquals([await withTimeout(next), gaps], ["protocol_error", 1001]);
  await mq.close();
});

for (const through of [2, 4]) {
  Deno.test(`a stream that is told after message 5 that it continues after ${through} does not: the connection ends`, async () => {
    const { script, mq, stream, sub } = await streamed({ onGap: () => "oldest" });
    await script.send(frame(sub, 3, [5]));
    assertEquals((await stream.next()).value!.seq, 5);
    const error = { code: "trimmed", message: "gone", after: 5, floor: 4, last: 9 };
    await script.send({ sub, error, through });
    assertEquals(await ends(stream), "protocol_error");
    await assertProtocolError({ script, mq });
  });

  Deno.test(`a stream from 5 on that is told that messages up to ${through} are missing ends the connection`, async () => {
    const { script, mq } = await connectScripted();
    const stream = mq.subscribe("t", { since: 5, onGap: () => "oldest" });
    const { id } = await script.next();
    const error = { code: "trimmed", message: "gone", after: 5, floor: 4, last: 9 };
    await script.send({ id, error, through });
    assertEquals(await ends(stream), "protocol_error");
    await assertProtocolError({ script, mq });
  });
}
