/**
 * A client among servers whose streams lie: out of order, more than was granted, before they were answered.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { connect, DsmqError, type MessageStream } from "@dsmq/server";
import { deceived, left } from "./support/deceived.ts";
import { Scripted } from "./support/scripted.ts";
import { soon } from "./support/soon.ts";

/** A stream that begins after 3. */
async function streamed(options: object = {}) {
  const { script, mq } = await deceived();
  const stream = mq.subscribe("t", options);
  const asked = await script.next();
  await script.say({ id: asked.id, sub: asked.id, start: 3 });
  return { script, mq, stream, sub: asked.id, asked };
}

const frame = (sub: number, prev: number, seqs: readonly number[], bytes?: number) => ({
  sub,
  prev,
  bytes: bytes ?? seqs.length * 3,
  seqs,
  times: seqs.map(() => 1),
  messages: seqs.map(() => "m"),
});

async function ends(stream: MessageStream): Promise<string> {
  return (await assertRejects(() => soon(stream.next()), DsmqError)).code;
}

for (
  const [what, prev, seqs, bytes] of [
    ["goes back", 3, [5, 4]],
    ["repeats a message", 3, [4, 4]],
    ["begins before its start", 3, [3]],
    ["begins elsewhere", 2, [4]],
    ["is larger than it says", 3, [4, 5], 5],
    ["takes more bytes than were granted", 3, [4], 4 * 1024 * 1024 + 1],
    ["says the largest number of bytes", 3, [4], Number.MAX_SAFE_INTEGER],
    ["brings more messages than were granted", 3, Array.from({ length: 4097 }, (_, i) => i + 4)],
  ] as [string, number, number[], number?][]
) {
  Deno.test(`a stream that ${what} ends the connection`, async () => {
    const { script, mq, stream, sub } = await streamed();
    await script.say(frame(sub, prev, seqs, bytes));
    assertEquals(await ends(stream), "bad_answer");
    await left({ script, mq });
  });
}

Deno.test("what a stream is granted is granted once, however small the frames", async () => {
  const { script, mq, stream, sub } = await streamed();
  let prev = 3;
  for (let i = 0; i < 5000 && mq.state === "connected"; i += 100) {
    const seqs = Array.from({ length: 100 }, (_, i) => prev + 1 + i);
    await script.say(frame(sub, prev, seqs));
    prev += 100;
  }
  assertEquals(prev, 3 + 4100);
  // What was granted is delivered before the error.
  for (let i = 0; i < 4000; i++) assertEquals((await stream.next()).value!.seq, 4 + i);
  assertEquals(await ends(stream), "bad_answer");
  await left({ script, mq });
});

Deno.test("a stream before its answer ends the connection", async () => {
  const { script, mq } = await deceived();
  const stream = mq.subscribe("t");
  const { id } = await script.next();
  await script.say(frame(id, 0, [1]));
  assertEquals(await ends(stream), "bad_answer");
  await left({ script, mq });
});

for (const onGap of [undefined, "oldest", "now", () => "oldest" as const] as const) {
  Deno.test(`after a break a stream does not begin again before what it has brought: onGap ${onGap}`, async () => {
    const script = new Scripted();
    const mq = await connect({ dial: script.dial, reconnect: { firstPause: 0 } });
    const stream = mq.subscribe("t", { since: "start", ...(onGap && { onGap }) });
    const { id } = await script.next();
    await script.say({ id, sub: id, start: 0 });
    await script.say(frame(id, 0, [5]));
    assertEquals((await stream.next()).value!.seq, 5);
    script.hangUp();
    const again = await soon(script.next());
    assertEquals(again.since, { after: 5, epoch: "e" });
    await script.say({ id: again.id, sub: again.id, start: 4 });
    assertEquals(await ends(stream), "bad_answer");
    await mq.close();
  });
}

Deno.test("a server that tells of gaps without end is not asked for ever", async () => {
  const { script, mq, stream, sub } = await streamed({ onGap: () => "oldest" });
  const next = stream.next().catch(({ code }) => code);
  const error = { code: "trimmed", message: "gone", position: 3, floor: 4, last: 9 };
  await script.say({ sub, error, through: 4 });
  let gaps = 1;
  for (; mq.state === "connected" && gaps < 2000; gaps++) {
    await script.say({ id: (await soon(script.next())).id, error, through: 4 });
  }
  assertEquals([await soon(next), gaps], ["bad_answer", 1001]);
  await mq.close();
});

for (const through of [2, 4]) {
  Deno.test(`a stream that is told after message 5 that it goes on after ${through} does not: the connection ends`, async () => {
    const { script, mq, stream, sub } = await streamed({ onGap: () => "oldest" });
    await script.say(frame(sub, 3, [5]));
    assertEquals((await stream.next()).value!.seq, 5);
    const error = { code: "trimmed", message: "gone", position: 5, floor: 4, last: 9 };
    await script.say({ sub, error, through });
    assertEquals(await ends(stream), "bad_answer");
    await left({ script, mq });
  });

  Deno.test(`a stream from 5 on that is told that messages up to ${through} are missing ends the connection`, async () => {
    const { script, mq } = await deceived();
    const stream = mq.subscribe("t", { since: 5, onGap: () => "oldest" });
    const { id } = await script.next();
    const error = { code: "trimmed", message: "gone", position: 5, floor: 4, last: 9 };
    await script.say({ id, error, through });
    assertEquals(await ends(stream), "bad_answer");
    await left({ script, mq });
  });
}
