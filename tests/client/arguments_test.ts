/**
 * The client's arguments: what it refuses before anything is sent, and what `putMany` reports about a failure.
 *
 * @module
 */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect, DsmqError } from "@dsmq/server";
import { ScriptedServer } from "../support/scripted_server.ts";
import { as } from "../support/untyped.ts";

Deno.test("wrong arguments throw a TypeError or a RangeError, and nothing is sent", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  script.frames.length = 0;
  const topics: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [undefined, TypeError, "nothing"],
    [null, TypeError, "null"],
    [5, TypeError, "a number"],
    [["t"], TypeError, "an array"],
    ["", RangeError, "at least one character"],
    ["a\nb", RangeError, "control characters"],
    ["\u0085", RangeError, "control characters"],
    ["\ud800", RangeError, "lone surrogates"],
    ["é".repeat(129), RangeError, "258 bytes"],
  ];
  for (const [topic, ErrorClass, reason] of topics) {
    await assertRejects(() => mq.put(as(topic), "message"), ErrorClass, reason);
    await assertRejects(() => mq.putMany(as(topic), []), ErrorClass, reason);
    await assertRejects(() => mq.get(as(topic)), ErrorClass, reason);
    await assertRejects(() => mq.getLatest(as(topic)), ErrorClass, reason);
    await assertRejects(() => mq.getWait(as(topic)), ErrorClass, reason);
    await assertRejects(() => mq.read(as(topic)), ErrorClass, reason);
    assertThrows(() => mq.subscribe(as(topic)), ErrorClass, reason);
  }
  for (const [message, reason] of [[undefined, "nothing"], [5, "a number"], [[], "an array"]]) {
    await assertRejects(() => mq.put("t", as(message)), TypeError, reason as string);
    const inList = `messages[1] must be a string or an object with a body, got ${reason}`;
    await assertRejects(() => mq.putMany("t", ["", as(message)]), TypeError, inList);
  }
  await assertRejects(() => mq.put("t", as({ body: "m" })), TypeError, "an object");
  const noBody = "messages[1].body must be a string, got nothing";
  await assertRejects(() => mq.putMany("t", ["", as({})]), TypeError, noBody);
  await assertRejects(() => mq.putMany("t", as(undefined)), TypeError);
  for (const timeout of [-1, NaN]) {
    await assertRejects(() => mq.getWait("t", { timeout: as(timeout) }), RangeError, `${timeout}`);
  }
  assertThrows(() => mq.subscribe("t", { since: -1 }), RangeError, "-1");
  assertThrows(() => mq.subscribe("t", { since: as("then") }), RangeError, "then");
  assertEquals(script.frames, []);
});

Deno.test("putMany of a string throws a TypeError: it is not a list of messages", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  script.frames.length = 0;
  const put = assertRejects(() => mq.putMany("t", as("message")), TypeError);
  await Promise.race([put, script.next().then(({ id }) => script.send({ id, seqs: [] }))]);
  await put;
  assertEquals(script.frames, []);
});

Deno.test("a read in the way of the first drafts is refused, and nothing is sent", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  script.frames.length = 0;
  const read = assertRejects(() => mq.read("t", as({ mode: "newest" })), TypeError);
  await Promise.race([read, script.next().then((request) => script.reply(request))]);
  await read;
  assertEquals(script.frames, []);
});

Deno.test("putMany that fails lists the outcome of each message", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const failing = assertRejects(() => mq.putMany("t", ["one", "two", "three"]), DsmqError);
  const { id, bodies } = await script.next();
  assertEquals(bodies, ["one", "two", "three"]);
  const refused = { code: "unavailable", message: "disk full" } as const;
  await script.send({ id, error: { ...refused, outcomes: [7, refused, 8] } });
  const error = await failing;
  assertEquals([error.code, error.message, error.topic], ["unavailable", "disk full", "t"]);
  assertEquals(error.outcomes, [7, refused, 8]);
});

Deno.test("putMany in several requests lists each outcome: stored, refused, and unknown", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const messages = Array.from({ length: 6 }, () => "x".repeat(120_000));
  const failing = assertRejects(() => mq.putMany("t", messages), DsmqError);
  const [first, second, third] = [await script.next(), await script.next(), await script.next()];
  assertEquals([first, second, third].map(({ bodies }) => bodies.length), [2, 2, 2]);
  await script.send({ id: first.id, seqs: [1, 2] });
  const refused = { code: "unavailable", message: "disk full" } as const;
  await script.send({ id: second.id, error: { ...refused, outcomes: [3, refused] } });
  script.hangUp();
  const { code, outcomes } = await failing;
  assertEquals(code, "unavailable");
  assertEquals(outcomes?.slice(0, 4), [1, 2, 3, refused]);
  assertEquals(
    outcomes?.slice(4).map((outcome) => typeof outcome === "number" ? outcome : outcome.code),
    ["unknown_outcome", "unknown_outcome"],
  );
});

Deno.test("putMany on a broken connection lists each outcome as unknown", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const failing = assertRejects(() => mq.putMany("t", ["one", "two"]), DsmqError);
  await script.next();
  script.hangUp();
  const { code, outcomes } = await failing;
  assertEquals(code, "unknown_outcome");
  assertEquals(outcomes?.map((outcome) => (outcome as { code: string }).code), [code, code]);
});
