/**
 * A connection that reconnects, with a server controlled by the test.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { connect, type ConnectOptions, DsmqError, type StatusChange } from "@dsmq/server";
import { ScriptedServer, WELCOME } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

const reconnect = { minDelay: 1, maxDelay: 5 };

/** The answer to hello of a server that knows the session. */
const WELCOME_KNOWN = { ...WELCOME, dedupComplete: true };

/** A connection to a scripted server, which reconnects soon. */
async function scripted(options: ConnectOptions = {}) {
  const script = new ScriptedServer();
  script.welcome = WELCOME_KNOWN;
  const mq = await connect({ dial: script.dial, reconnect, ...options });
  return { script, mq };
}

/** The code with which a promise rejects. */
async function codeOf(work: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => withTimeout(work), DsmqError)).code;
}

Deno.test("unanswered puts are sent again under their numbers, before any new one", async () => {
  const { script, mq } = await scripted();
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
  assertEquals(again.map(({ message, messages, n }) => [message ?? messages, n]), [
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
  const [one, other] = [await scripted(), await scripted()];
  await using _ = one.mq;
  await using __ = other.mq;
  assertNotEquals(one.script.hello.session, other.script.hello.session);
  assert(/^[\w-]{22}$/.test(one.script.hello.session));
});

Deno.test("if the server has begun a new history, earlier puts have an unknown outcome; new puts are stored", async () => {
  const { script, mq } = await scripted();
  await using _ = mq;
  const before = codeOf(mq.put("t", "before"));
  await script.next();
  script.welcome = { ...WELCOME, epoch: "another", dedupComplete: false };
  script.hangUp();
  const meanwhile = mq.put("t", "meanwhile");
  const { id, message } = await withTimeout(script.next());
  assertEquals(message, "meanwhile");
  await script.send({ id, seq: 1 });
  assertEquals([await before, await meanwhile], ["unknown_outcome", 1]);
});

Deno.test("what the server would no longer recognise is not sent again", async () => {
  const { script, mq } = await scripted();
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
  const { id, message } = await withTimeout(script.next());
  assertEquals(message, "third");
  await script.send({ id, seq: 12 });
  assertEquals(await third, 12);
});

Deno.test("hello sends what was known when the oldest unanswered put was sent, and nothing if there is none", async () => {
  const { script, mq } = await scripted();
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
  const { script, mq } = await scripted();
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

Deno.test("reads continue at their positions, which are sent until the server has answered one", async () => {
  const { script, mq } = await scripted();
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
  const { script, mq } = await scripted();
  await using _ = mq;
  const abort = new AbortController();
  const calledOff = mq.getWait("t", { signal: abort.signal }).catch(() => "called off");
  const waiting = mq.getWait("t", { timeout: 60_000 });
  await script.next();
  await script.next();
  script.hangUp();
  abort.abort();
  const again = await withTimeout(script.next());
  assert(again.timeout > 50_000 && again.timeout <= 60_000, `${again.timeout}`);
  await script.reply(again, { seq: 1, body: "one" });
  assertEquals([await calledOff, await waiting], ["called off", "one"]);
  assertEquals(script.unread, []);
});

Deno.test("a server that stops does not end a wait: the next server is asked", async () => {
  const { script, mq } = await scripted();
  await using _ = mq;
  const waiting = mq.getWait("t");
  const { id } = await script.next();
  await script.send({ id, error: { code: "shutting_down", message: "Cannot wait: it stops" } });
  script.hangUp(1012);
  await script.reply(await withTimeout(script.next()), { seq: 1, body: "one" });
  assertEquals(await waiting, "one");
});

Deno.test("a subscription continues after its last message, in the history of that message", async () => {
  const { script, mq } = await scripted();
  await using _ = mq;
  const stream = mq.subscribe("t", { since: "start" });
  const first = stream.next();
  const { id, since } = await script.next();
  assertEquals(since, "start");
  await script.send({ id, sub: id, start: 0 });
  const frame = { sub: id, bytes: 5, times: [1] };
  await script.send({ ...frame, prev: 0, seqs: [4], messages: ["one"] });
  assertEquals((await first).value?.body, "one");
  script.hangUp();
  const again = await withTimeout(script.next());
  assertEquals([again.action, again.since], ["subscribe", { after: 4, epoch: "e" }]);
  const second = stream.next();
  await script.send({ id: again.id, sub: again.id, start: 4 });
  await script.send({ ...frame, sub: again.id, prev: 4, seqs: [9], messages: ["two"] });
  assertEquals((await second).value?.body, "two");
  await stream.return!();
});

Deno.test("unread messages that have arrived count against the credit of the continued stream", async () => {
  const { script, mq } = await scripted();
  await using _ = mq;
  await using stream = mq.subscribe("t", { since: "start" });
  const { id, messages, bytes } = await script.next();
  await script.send({ id, sub: id, start: 0 });
  const seqs = [1, 2, 3];
  await script.send({ sub: id, prev: 0, bytes: 9, seqs, times: seqs, messages: ["a", "b", "c"] });
  script.hangUp();
  const again = await withTimeout(script.next());
  assertEquals([again.messages, again.bytes], [messages - 3, bytes - 9]);
  await script.send({ id: again.id, sub: again.id, start: 3 });
  for (const body of ["a", "b", "c"]) assertEquals((await stream.next()).value?.body, body);
});

Deno.test("onGap gets what is known of a gap, and decides where to continue", async () => {
  const { script, mq } = await scripted();
  await using _ = mq;
  const gaps: unknown[] = [];
  await using stream = mq.subscribe("t", {
    since: 3,
    onGap({ code, position, floor, last }) {
      gaps.push([code, position, floor, last]);
      return "oldest";
    },
  });
  const next = stream.next();
  const { id, onGap } = await script.next();
  assertEquals(onGap, undefined);
  const gap = { code: "trimmed", message: "gone", position: 3, floor: 40, last: 45 };
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
    messages: ["m"],
  });
  assertEquals((await next).value?.seq, 41);
  assertEquals(gaps, [["trimmed", 3, 40, 45]]);
});

Deno.test("heartbeats are answered, and keep the server's time; they move no position", async () => {
  const { script, mq } = await scripted();
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
  const { script, mq } = await scripted();
  await using _ = mq;
  script.welcome = { ...WELCOME, epoch: "second" };
  script.hangUp();
  const code = codeOf(mq.get("t"));
  const { id, since: first } = await withTimeout(script.next());
  assertEquals([script.hello.since, first], [{ after: 0, epoch: "e" }, undefined]);
  const gap = { code: "epoch_changed", message: "lost", floor: 0, last: 3 };
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

Deno.test("the status changes of a connection can be watched", async () => {
  const { script, mq } = await scripted();
  const seen: StatusChange[] = [];
  const statusWatch = (async () => {
    for await (const change of mq.statusChanges()) seen.push(change);
  })();
  assertEquals(mq.status, "connected");
  script.welcome = { ...WELCOME, epoch: "another" };
  script.hangUp();
  assertEquals(mq.status, "reconnecting");
  const put = mq.put("t", "m");
  await script.send({ id: (await withTimeout(script.next())).id, seq: 1 });
  await put;
  await mq.close();
  await withTimeout(statusWatch);
  assertEquals(seen.map(({ status, epochChanged }) => [status, epochChanged]), [
    ["connected", undefined],
    ["reconnecting", undefined],
    ["connected", true],
    ["closed", undefined],
  ]);
  assert(seen[1]!.reason?.includes("it broke off"), seen[1]!.reason);
  // A late watcher learns how it ended.
  assertEquals((await mq.statusChanges().next()).value?.status, "closed");
});

Deno.test("a connection whose session a newer one took over does not reconnect", async () => {
  const { script, mq } = await scripted();
  const waiting = codeOf(mq.getWait("t"));
  script.hangUp(4409);
  assertEquals([await waiting, mq.status], ["session_taken_over", "closed"]);
  assertEquals(await codeOf(mq.get("t")), "session_taken_over");
});

Deno.test("a connection that finds no server for too long gives up: what was sent is unknown, what was not is not stored", async () => {
  const { script, mq } = await scripted({ reconnect: { ...reconnect, timeout: 20 } });
  const sent = codeOf(mq.put("t", "left"));
  await script.next();
  script.unreachable = true;
  script.hangUp();
  const unsent = codeOf(mq.put("t", "kept back"));
  const got = codeOf(mq.get("t"));
  assertEquals([await sent, await unsent, await got], ["unknown_outcome", "closed", "closed"]);
  assertEquals(mq.status, "closed");
});

Deno.test("close does not wait for a server that is away, but tries to store what was put", async () => {
  const { script, mq } = await scripted();
  script.unreachable = true;
  script.hangUp();
  await withTimeout(mq.close(), 1000);

  const other = await scripted();
  const put = other.mq.put("t", "m");
  await other.script.next();
  other.script.hangUp();
  const closing = other.mq.close();
  const again = await withTimeout(other.script.next());
  await other.script.send({ id: again.id, seq: 1, dup: true });
  assertEquals(await put, 1);
  await withTimeout(closing);
});

Deno.test("of several addresses, those that answer are used", async () => {
  const script = new ScriptedServer();
  const dials: string[] = [];
  const mq = await connect({
    url: ["ws://one.test", "ws://two.test"],
    reconnect,
    dial(url) {
      dials.push(url);
      script.unreachable = url === "ws://one.test";
      return script.dial();
    },
  });
  assertEquals([mq.url, dials], ["ws://two.test", ["ws://one.test", "ws://two.test"]]);
  await mq.close();
});

Deno.test("no more is unanswered than the server allows; the rest is sent as answers come", async () => {
  const script = new ScriptedServer();
  script.welcome = { ...WELCOME_KNOWN, limits: { ...WELCOME.limits, inFlight: 3 } };
  await using mq = await connect({ dial: script.dial, reconnect });
  const topics = ["a", "b", "c", "d", "e"];
  const gets = topics.map((topic) => mq.get(topic));
  const request = [await script.next(), await script.next(), await script.next()];
  assertEquals(script.unread, []);
  await script.reply(request[0]!, { seq: 1, body: "1" });
  request.push(await withTimeout(script.next()));
  assertEquals(script.unread, []);
  for (const one of request.slice(1)) await script.reply(one, { seq: one.id, body: "x" });
  await script.reply(await withTimeout(script.next()), { seq: 9, body: "9" });
  assertEquals((await Promise.all(gets)).filter((body) => body !== "").length, 5);
});

Deno.test("a server is not asked twice to stop", async () => {
  const { script, mq } = await scripted();
  await using _ = mq;
  const stopping = codeOf(mq.shutdownServer());
  await script.next();
  script.hangUp();
  assertEquals(await stopping, "unknown_outcome");
  const put = mq.put("t", "m");
  const next = await withTimeout(script.next());
  assertEquals(next.action, "put");
  await script.send({ id: next.id, seq: 1 });
  await put;
});

Deno.test("a silent server is left", async () => {
  const script = new ScriptedServer();
  script.welcome = { ...WELCOME, heartbeat: 100 };
  await using mq = await connect({ dial: script.dial, reconnect, heartbeatInterval: 100 });
  assertEquals(script.hello.heartbeat, 100);
  const states = mq.statusChanges();
  await states.next();
  const { value } = await withTimeout(states.next());
  assertEquals(value?.status, "reconnecting");
  assert(value?.reason?.includes("nothing was received"), value?.reason);
});

Deno.test("reconnect and heartbeat are validated", async () => {
  const wrong: [object, typeof TypeError | typeof RangeError][] = [
    [{ reconnect: "yes" }, TypeError],
    [{ reconnect: { minDelay: -1 } }, RangeError],
    [{ reconnect: { pause: 1 } }, TypeError],
    [{ heartbeatInterval: 99 }, RangeError],
    [{ heartbeatInterval: 1.5 }, RangeError],
    [{ url: [] }, TypeError],
  ];
  for (const [options, ErrorClass] of wrong) {
    await assertRejects(() => connect(options as ConnectOptions), ErrorClass, "Cannot connect");
  }
});
