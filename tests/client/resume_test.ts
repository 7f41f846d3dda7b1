/**
 * Puts and the session of a client that reconnects, with a server controlled by the test.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { codeOf } from "../support/code_of.ts";
import { connectKnown, WELCOME_KNOWN } from "../support/scripted_connection.ts";
import { WELCOME } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

Deno.test("unanswered puts are sent again under their numbers, before any new one", async () => {
  const { script, mq } = await connectKnown();
  await using _ = mq;
  const { session } = script.hello;
  const one = mq.put("t", "one");
  const many = mq.putMany("t", ["two", "three"]);
  const [first, second] = [await script.next(), await script.next()];
  assertEquals([first.n, second.n], [1, 2]);
  script.hangUp();
  const four = mq.put("t", "four");
  const again = [await withTimeout(script.next()), await script.next(), await script.next()];
  assertEquals(script.hello.session, session);
  assertEquals(again.map(({ body, bodies, n }) => [body ?? bodies, n]), [
    ["one", 1],
    [["two", "three"], 2],
    ["four", 4],
  ]);
  await script.send([
    { id: again[0]!.id, seq: 7, dup: true },
    { id: again[1]!.id, seqs: [8, 9], dup: true },
    { id: again[2]!.id, seq: 10 },
  ]);
  assertEquals([await one, await many, await four], [7, [8, 9], 10]);
});

Deno.test("each connection has a session of its own, which nobody could guess", async () => {
  const [one, other] = [await connectKnown(), await connectKnown()];
  await using _ = one.mq;
  await using __ = other.mq;
  assertNotEquals(one.script.hello.session, other.script.hello.session);
  assert(/^[\w-]{22}$/.test(one.script.hello.session));
});

Deno.test("if the server has begun a new history, earlier puts have an unknown outcome; new puts are stored", async () => {
  const { script, mq } = await connectKnown();
  await using _ = mq;
  const before = codeOf(mq.put("t", "before"));
  await script.next();
  script.welcome = { ...WELCOME, epoch: "another", dedupComplete: false };
  script.hangUp();
  const meanwhile = mq.put("t", "meanwhile");
  const { id, body } = await withTimeout(script.next());
  assertEquals(body, "meanwhile");
  await script.send({ id, seq: 1 });
  assertEquals([await before, await meanwhile], ["unknown_outcome", 1]);
});

Deno.test("what the server would no longer recognise is not sent again", async () => {
  const { script, mq } = await connectKnown();
  await using _ = mq;
  const first = mq.put("t", "first");
  await script.send({ id: (await script.next()).id, seq: 10 });
  await first;
  const second = codeOf(mq.put("t", "second"));
  await script.next();
  script.welcome = { ...WELCOME, dedupComplete: false };
  script.hangUp();
  assertEquals(await second, "unknown_outcome");
  assertEquals(script.hello.known, { epoch: "e", seq: 10 });
  script.welcome = WELCOME_KNOWN;
  const third = mq.put("t", "third");
  await script.next();
  script.hangUp();
  const { id, body } = await withTimeout(script.next());
  assertEquals(body, "third");
  await script.send({ id, seq: 12 });
  assertEquals(await third, 12);
});

Deno.test("hello sends what was known when the oldest unanswered put was sent, and nothing if there is none", async () => {
  const { script, mq } = await connectKnown();
  await using _ = mq;
  script.hangUp();
  const first = mq.put("t", "first");
  const request = await withTimeout(script.next());
  assertEquals(script.hello.known, undefined);
  // Others put as well: what a read reports is known, too.
  const got = mq.get("t");
  await script.reply(await script.next(), { seq: 7, body: "of another" });
  await got;
  const second = mq.put("t", "second");
  await script.next();
  script.hangUp();
  const again = [await withTimeout(script.next()), await withTimeout(script.next())];
  assertEquals(script.hello.known, { epoch: "e", seq: 0 });
  assertEquals(again.map(({ n }) => n), [request.n, request.n + 1]);
  await script.send(again.map(({ id }, i) => ({ id, seq: 8 + i })));
  assertEquals([await first, await second], [8, 9]);
});

Deno.test("each attempt to reconnect has a larger number, and the name of the session stays", async () => {
  const { script, mq } = await connectKnown();
  await using _ = mq;
  const { session, try: first } = script.hello;
  const numbers = [first];
  for (let i = 0; i < 3; i++) {
    script.hangUp();
    const got = mq.get("t");
    await script.reply(await withTimeout(script.next()));
    await got;
    assertEquals(script.hello.session, session);
    numbers.push(script.hello.try);
  }
  assertEquals(numbers.map((number) => number - first), [0, 1, 2, 3]);
});
