/**
 * Reads, waits and streams of a client that reconnects, with a server controlled by the test.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { codeOf } from "../support/code_of.ts";
import { connectKnown, WELCOME_KNOWN } from "../support/scripted_connection.ts";
import { WELCOME } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

Deno.test("reads continue at their positions, which are sent until the server has answered one", async () => {
  const { script, mq } = await connectKnown();
  await using _ = mq;
  script.welcome = { ...WELCOME_KNOWN, time: 1000 };
  script.hangUp();
  const got = mq.get("t");
  const first = await withTimeout(script.next());
  assertEquals(first.since, undefined);
  await script.reply(first, { seq: 5, body: "five" });
  assertEquals(await got, "five");
  const next = mq.get("t");
  assertEquals((await script.next()).since, undefined);
  script.hangUp();
  const again = await withTimeout(script.next());
  assertEquals(script.hello.since, { after: 0, epoch: "e" });
  assertEquals(again.since, { after: 5, epoch: "e", asOf: 1000 });
  // Nothing is answered yet: whichever comes first sends it.
  const concurrent = mq.getLatest("t");
  const newest = await script.next();
  assertEquals(newest.since, again.since);
  await script.reply(again, { seq: 6, body: "six" });
  await script.reply(newest);
  assertEquals([await next, await concurrent], ["six", ""]);
  const last = mq.get("t");
  const known = await script.next();
  assertEquals(known.since, undefined);
  await script.reply(known);
  await last;
});

Deno.test("a wait continues with the rest of its timeout, and a cancelled one does not", async () => {
  const { script, mq } = await connectKnown();
  await using _ = mq;
  const abort = new AbortController();
  const cancelled = mq.getWait("t", { signal: abort.signal }).catch(() => "cancelled");
  const waiting = mq.getWait("t", { timeout: 60_000 });
  await script.next();
  await script.next();
  script.hangUp();
  abort.abort();
  const again = await withTimeout(script.next());
  assert(again.timeout > 50_000 && again.timeout <= 60_000, `${again.timeout}`);
  await script.reply(again, { seq: 1, body: "one" });
  assertEquals([await cancelled, await waiting], ["cancelled", "one"]);
  assertEquals(script.unread, []);
});

Deno.test("a server that stops does not end a wait: the next server is asked", async () => {
  const { script, mq } = await connectKnown();
  await using _ = mq;
  const waiting = mq.getWait("t");
  const { id } = await script.next();
  await script.send({ id, error: { code: "shutting_down", message: "Cannot wait: it stops" } });
  script.hangUp(1012);
  await script.reply(await withTimeout(script.next()), { seq: 1, body: "one" });
  assertEquals(await waiting, "one");
});

Deno.test("a subscription continues after its last message, in the history of that message", async () => {
  const { script, mq } = await connectKnown();
  await using _ = mq;
  const stream = mq.subscribe("t", { since: "start" });
  const first = stream.next();
  const { id, since } = await script.next();
  assertEquals(since, "start");
  await script.send({ id, sub: id, start: 0 });
  const frame = { sub: id, bytes: 5, times: [1] };
  await script.send({ ...frame, prev: 0, seqs: [4], bodies: ["one"] });
  assertEquals((await first).value?.body, "one");
  script.hangUp();
  const again = await withTimeout(script.next());
  assertEquals([again.action, again.since], ["subscribe", { after: 4, epoch: "e" }]);
  const second = stream.next();
  await script.send({ id: again.id, sub: again.id, start: 4 });
  await script.send({ ...frame, sub: again.id, prev: 4, seqs: [9], bodies: ["two"] });
  assertEquals((await second).value?.body, "two");
  await stream.return!();
});

Deno.test("unread messages that have arrived count against the credit of the continued stream", async () => {
  const { script, mq } = await connectKnown();
  await using _ = mq;
  await using stream = mq.subscribe("t", { since: "start" });
  const { id, messages, bytes } = await script.next();
  await script.send({ id, sub: id, start: 0 });
  const seqs = [1, 2, 3];
  await script.send({ sub: id, prev: 0, bytes: 9, seqs, times: seqs, bodies: ["a", "b", "c"] });
  script.hangUp();
  const again = await withTimeout(script.next());
  assertEquals([again.messages, again.bytes], [messages - 3, bytes - 9]);
  await script.send({ id: again.id, sub: again.id, start: 3 });
  for (const body of ["a", "b", "c"]) assertEquals((await stream.next()).value?.body, body);
});

Deno.test("onGap gets what is known of a gap, and decides where to continue", async () => {
  const { script, mq } = await connectKnown();
  await using _ = mq;
  const gaps: unknown[] = [];
  await using stream = mq.subscribe("t", {
    since: 3,
    onGap({ code, after, floor, last }) {
      gaps.push([code, after, floor, last]);
      return "oldest";
    },
  });
  const next = stream.next();
  const { id, onGap } = await script.next();
  assertEquals(onGap, undefined);
  const gap = { code: "trimmed", message: "gone", after: 3, floor: 40, last: 45 };
  await script.send({ id, error: gap, through: 38 });
  const again = await withTimeout(script.next());
  assertEquals(again.since, { after: 38, epoch: "e" });
  await script.send({ id: again.id, sub: again.id, start: 38 });
  await script.send({
    sub: again.id,
    prev: 38,
    bytes: 3,
    seqs: [41],
    times: [1],
    bodies: ["m"],
  });
  assertEquals((await next).value?.seq, 41);
  assertEquals(gaps, [["trimmed", 3, 40, 45]]);
});

Deno.test("heartbeats are answered, and keep the server's time; they move no position", async () => {
  const { script, mq } = await connectKnown();
  await using _ = mq;
  const got = mq.get("t");
  await script.reply(await script.next(), { seq: 5, body: "five" });
  await got;
  await using stream = mq.subscribe("quiet", { since: "now" });
  const waiting = mq.getWait("waited for").catch(() => {});
  const [{ id }] = [await script.next(), await script.next()];
  await script.send({ id, sub: id, start: 2 });
  await script.send({ heartbeat: 10_000, time: 3000, last: 30, floor: 20 });
  assertEquals({ ...await script.next() }, { action: "heartbeat" });
  script.hangUp();
  const next = mq.get("t");
  const again = [await withTimeout(script.next()), await script.next(), await script.next()];
  assertEquals(again.map(({ action, topic, since }) => [action, topic, since]), [
    ["subscribe", "quiet", { after: 2, epoch: "e" }],
    ["get_wait", "waited for", undefined],
    ["get", "t", { after: 5, epoch: "e", asOf: 3000 }],
  ]);
  assertEquals(script.hello.since, { after: 0, epoch: "e" });
  await script.send({ id: again[0]!.id, sub: again[0]!.id, start: 30 });
  for (const request of again.slice(1)) await script.reply(request);
  await Promise.all([waiting, next]);
  await stream.return!();
});

Deno.test("after a new history each topic is told so once, over any number of breaks", async () => {
  const { script, mq } = await connectKnown();
  await using _ = mq;
  script.welcome = { ...WELCOME, epoch: "second" };
  script.hangUp();
  const code = codeOf(mq.get("t"));
  const { id, since: first } = await withTimeout(script.next());
  assertEquals([script.hello.since, first], [{ after: 0, epoch: "e" }, undefined]);
  const gap = { code: "epoch_changed", message: "lost", after: 0, floor: 0, last: 3 };
  await script.send({ id, error: gap, through: 0 });
  assertEquals(await code, "epoch_changed");
  script.hangUp();
  const next = mq.get("t");
  const again = await withTimeout(script.next());
  assertEquals(again.since, { after: 0, epoch: "second", asOf: 0 });
  // Topics that were not read yet are still to be told.
  assertEquals(script.hello.since, { after: 0, epoch: "e" });
  await script.reply(again, { seq: 1, body: "one" });
  assertEquals(await next, "one");
});
