/**
 * Puts that are sent together: one request for those of a topic, and still an outcome for each.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { DsmqError } from "@dsmq/server";
import { connectScripted } from "../support/scripted_connection.ts";
import type { ScriptedRequest, ScriptedServer } from "../support/scripted_server.ts";

/** A connection to a scripted server, without the frame of hello. */
async function scripted() {
  const { script, mq } = await connectScripted({ reconnect: false });
  script.frames.length = 0;
  return { script, mq };
}

/** The frames that were sent: lists of requests. */
function requests({ frames }: ScriptedServer): ScriptedRequest[][] {
  return frames.map((frame) => [JSON.parse(frame)].flat());
}

/** The outcomes of calls: the value, or the code of the error. */
async function outcomes(calls: readonly Promise<number>[]): Promise<unknown[]> {
  const settled = await Promise.allSettled(calls);
  return settled.map((one) => one.status === "fulfilled" ? one.value : one.reason.code);
}

Deno.test("consecutive puts to one topic are one request; others stay in their order", async () => {
  const { script, mq } = await scripted();
  await using _ = mq;
  const calls = [
    mq.put("t", "one"),
    mq.put("t", "two"),
    mq.put("u", "three"),
    mq.put("t", "four"),
    mq.get("t").then(() => 0),
    mq.put("t", "five"),
    mq.put("t", "six"),
  ];
  await script.next();
  assertEquals(requests(script), [[
    { action: "put", id: 2, topic: "t", bodies: ["one", "two"] },
    { action: "put", id: 3, topic: "u", body: "three" },
    { action: "put", id: 4, topic: "t", body: "four" },
    { action: "get", id: 5, topic: "t" },
    { action: "put", id: 6, topic: "t", bodies: ["five", "six"] },
  ]]);
  await script.send([
    { id: 2, seqs: [1, 2] },
    { id: 3, seq: 3 },
    { id: 4, seq: 4 },
    { id: 5, body: "one", seq: 1, time: 1, through: 1 },
    { id: 6, seqs: [5, 6] },
  ]);
  assertEquals(await Promise.all(calls), [1, 2, 3, 4, 0, 5, 6]);
});

Deno.test("what is put after a frame was sent is a request of its own", async () => {
  const { script, mq } = await scripted();
  await using _ = mq;
  const first = mq.put("t", "one");
  const { id } = await script.next();
  const second = mq.put("t", "two");
  const { id: other } = await script.next();
  await script.send([{ id, seq: 1 }, { id: other, seq: 2 }]);
  assertEquals(await Promise.all([first, second]), [1, 2]);
});

Deno.test("of many puts in one turn, a third of what may be in flight is sent at once", async () => {
  const { script, mq } = await scripted();
  await using _ = mq;
  const calls = Array.from({ length: 100 }, (_, i) => mq.put("t", `${i}`));
  const sizes = () => requests(script).map(([request]) => request!.bodies.length);
  assertEquals(sizes(), [16, 16, 16, 24]);
  await script.next();
  assertEquals(sizes(), [16, 16, 16, 24, 28]);
  let seq = 0;
  for (const [{ id, bodies }] of requests(script) as [ScriptedRequest][]) {
    await script.send({ id, seqs: bodies.map(() => ++seq) });
  }
  assertEquals(await Promise.all(calls), calls.map((_, i) => i + 1));
});

Deno.test("a frame of long messages is sent at 64 KiB", async () => {
  const { script, mq } = await scripted();
  await using _ = mq;
  const calls = Array.from({ length: 15 }, (_, i) => mq.put("t", `${i % 10}`.repeat(5_000)));
  assertEquals(requests(script).map(([request]) => request!.bodies.length), [14]);
  const { id } = await script.next();
  const { id: last, body } = await script.next();
  assertEquals(body, "4".repeat(5_000));
  await script.send([{ id, seqs: calls.slice(1).map((_, i) => i + 1) }, { id: last, seq: 15 }]);
  assertEquals(await Promise.all(calls), calls.map((_, i) => i + 1));
});

Deno.test("puts that were sent together fail one by one", async () => {
  const { script, mq } = await scripted();
  await using _ = mq;
  const calls = ["one", "two", "three"].map((message) => mq.put("t", message));
  const settled = outcomes(calls);
  const { id } = await script.next();
  const failure = { code: "unavailable", message: "Cannot store messages: it is full" };
  await script.send({ id, error: { ...failure, outcomes: [7, failure, 8] } });
  assertEquals(await settled, [7, "unavailable", 8]);
  const error = await assertRejects(() => calls[1]!, DsmqError, failure.message);
  assertEquals([error.topic, error.outcomes], ["t", undefined]);
});

Deno.test("an error without outcomes applies to all of them", async () => {
  const { script, mq } = await scripted();
  await using _ = mq;
  const settled = outcomes([mq.put("t", "one"), mq.put("t", "two")]);
  const { id } = await script.next();
  await script.send({ id, error: { code: "shutting_down", message: "Cannot put: it stops" } });
  assertEquals(await settled, ["shutting_down", "shutting_down"]);
});

Deno.test("a put that a busy server refuses fails, is not repeated, and leaves its number to nobody", async () => {
  const { script, mq } = await connectScripted({});
  await using _ = mq;
  const refused = outcomes([mq.put("t", "one"), mq.put("t", "two")]);
  const first = await script.next();
  const busy = { code: "busy", message: "Cannot put: too much waits for the log" };
  await script.send({ id: first.id, error: busy });
  assertEquals([await refused, script.unread], [["busy", "busy"], []]);
  const stored = mq.put("t", "one again");
  const second = await script.next();
  await script.send({ id: second.id, seq: 1 });
  assertEquals([first.n, second.n, second.body, await stored], [1, 3, "one again", 1]);
});

const noReplies: readonly object[] = [
  { seqs: [1] },
  { seqs: [1, 2, 3] },
  { seqs: [1, null] },
  { seqs: "12" },
  { seq: 1 },
  {},
  { seqs: [2, 1] },
  { seqs: [3, 3] },
  { seqs: [0, 1] },
  { seqs: [1, 2 ** 53] },
  { seqs: [1, 2], dup: 1 },
];

for (const reply of noReplies) {
  Deno.test(`an answer that does not fit a list of puts ends the connection: ${JSON.stringify(reply)}`, async () => {
    const { script, mq } = await scripted();
    const settled = outcomes([mq.put("t", "one"), mq.put("t", "two")]);
    const { id } = await script.next();
    await script.send({ id, ...reply });
    const codes = new Set(await settled);
    assert(codes.size === 1 && (codes.has("protocol_error") || codes.has("unknown_outcome")));
    assertEquals(mq.status, "closed");
    await mq.close();
  });
}

Deno.test("when the connection is cut, puts that were sent have an unknown outcome; those that were not are not stored", async () => {
  const { script, mq } = await scripted();
  const calls = Array.from({ length: 20 }, () => mq.put("t", "m"));
  script.hangUp();
  const expected = calls.map((_, i) => i < 16 ? "unknown_outcome" : "closed");
  assertEquals(await outcomes(calls), expected);
  assertEquals(await outcomes([mq.put("t", "m"), mq.put("t", "m")]), ["closed", "closed"]);
});

Deno.test("a message that is too large only as JSON is not sent", async () => {
  const { script, mq } = await scripted();
  await using _ = mq;
  const fits = "\0".repeat(166_666);
  const { code, limit } = await assertRejects(() => mq.put("t", fits + "\0"), DsmqError);
  assertEquals([code, limit], ["too_large", 1_000_000]);
  const call = mq.put("t", fits);
  const { id, body } = await script.next();
  assertEquals(body, fits);
  await script.send({ id, seq: 1 });
  assertEquals(await call, 1);
});
