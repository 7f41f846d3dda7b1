/**
 * A client that reconnects: its session, its positions, and its heartbeats.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

const SESSION_ID = "a-session-of-a-test";

function put(id: number, topic: string, message: string, n?: number) {
  return { action: "put", id, topic, body: message, n };
}

/** What `hello` sends for a position of an earlier connection. */
async function epochOf(client: RawClient): Promise<string> {
  const { epoch } = await client.request({ action: "hello", id: 0 });
  assert(typeof epoch === "string");
  return epoch;
}

Deno.test("a client resumes where it was: topics that it read from their positions, all others from its start", async () => {
  await using server = await openServer();
  await using putter = await RawClient.open(server.url);
  for (const message of ["1", "2", "3"]) await putter.request(put(1, "read", message));
  await putter.request(put(1, "unread", "4"));
  const epoch = await epochOf(putter);
  await using client = await RawClient.open(server.url);
  const { start } = await client.request({ action: "hello", id: 1, since: { after: 2, epoch } });
  assertEquals(start, 2);
  const since = { after: 1, epoch };
  const get = (id: number, topic: string, fields = {}) =>
    client.request({ action: "get", id, topic, ...fields });
  assertEquals((await get(2, "read", { since })).body, "2");
  assertEquals((await get(3, "unread")).body, "4");
});

Deno.test("hello reports the state of the store: its name, its last number, its floor and its time", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock, retention: 1000 });
  await using putter = await RawClient.open(server.url);
  await putter.request(put(1, "t", "1"));
  clock.advance(1000);
  await putter.request(put(1, "t", "2"));
  await using client = await RawClient.open(server.url);
  const { store, epoch, start, last, floor, time } = await client.request({
    action: "hello",
    id: 1,
  });
  assertEquals([start, last, floor, time], [2, 2, 1, clock.now()]);
  const again = await putter.request({ action: "hello", id: 1 });
  assertEquals([again.store, again.epoch], [store, epoch]);
  assert(typeof store === "string" && store !== "");
});

Deno.test("lost messages after a position are reported at the first read, and then reading continues", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock, retention: 1000 });
  await using putter = await RawClient.open(server.url);
  for (const message of ["1", "2"]) await putter.request(put(1, "t", message));
  clock.advance(1000);
  await putter.request(put(1, "t", "3"));
  await using client = await RawClient.open(server.url);
  const since = { after: 1, epoch: await epochOf(client), asOf: 0 };
  const { error, through } = await client.request({ action: "get", id: 2, topic: "t", since });
  assertEquals([error.code, error.after, error.floor, error.last], ["trimmed", 1, 2, 3]);
  assertEquals(through, 2);
  // It is reported once, also to a client that repeats its position.
  assertEquals((await client.request({ action: "get", id: 3, topic: "t", since })).body, "3");
});

Deno.test("a position beyond the last message is reported at the first read", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const since = { after: 7, epoch: await epochOf(client) };
  const { error, through } = await client.request({ action: "get", id: 2, topic: "t", since });
  assertEquals([error.code, error.after, error.last, through], ["ahead", 7, 0, 0]);
  await client.request(put(3, "t", "new"));
  assertEquals((await client.request({ action: "get", id: 4, topic: "t", since })).body, "new");
});

Deno.test("a client of another history is told so at each first read, and at each stream without a gap policy", async () => {
  await using server = await openServer();
  await using putter = await RawClient.open(server.url);
  await putter.request(put(1, "t", "new"));
  await using client = await RawClient.open(server.url);
  const epoch = "an older one";
  await client.request({ action: "hello", id: 1, since: { after: 40, epoch } });
  const since = { after: 44, epoch };
  for (const [topic, fields] of [["t", { since }], ["other", {}]] as const) {
    const { error } = await client.request({ action: "get", id: 2, topic, ...fields });
    assertEquals(error.code, "epoch_changed");
  }
  assertEquals((await client.request({ action: "get", id: 3, topic: "t" })).body, "new");
  const subscribe = { action: "subscribe", topic: "t", messages: 9, bytes: 1000 };
  const refused = await client.request({ ...subscribe, id: 4, since });
  assertEquals(refused.error.code, "epoch_changed");
  const { start } = await client.request({
    ...subscribe,
    id: 5,
    since,
    onGap: "oldest",
  });
  assertEquals(start, 0);
  assertEquals((await client.next()).bodies, ["new"]);
});

Deno.test("the start of an earlier connection reports a lost history and a lost tail, never expired messages", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock, retention: 1000 });
  await using putter = await RawClient.open(server.url);
  for (const message of ["1", "2"]) await putter.request(put(1, "t", message));
  clock.advance(1000);
  await putter.request(put(1, "t", "3"));
  const epoch = await epochOf(putter);
  const cases = [[{ after: 0, epoch }, "3"], [{ after: 9, epoch }, "ahead"], [
    { after: 0, epoch: "x" },
    "epoch_changed",
  ]] as const;
  for (const [since, expected] of cases) {
    await using client = await RawClient.open(server.url);
    await client.request({ action: "hello", id: 1, since });
    for (const topic of ["t", "u"]) {
      const { body, error } = await client.request({ action: "get", id: 2, topic });
      assertEquals(error?.code ?? body, expected === "3" && topic === "u" ? "" : expected);
    }
  }
});

Deno.test("a newer connection of a session closes the older one, with its own close code", async () => {
  await using server = await openServer();
  await using older = await RawClient.open(server.url);
  await using newer = await RawClient.open(server.url);
  await older.request({ action: "hello", id: 1, session: SESSION_ID });
  await newer.request({ action: "hello", id: 1, session: `${SESSION_ID}-too` });
  await newer.request({ action: "hello", id: 2, session: SESSION_ID });
  assertEquals((await older.closed).code, 4409);
  // It sends the same again: a connection does not take over from itself.
  await newer.request({ action: "hello", id: 3, session: SESSION_ID });
});

Deno.test("of two attempts of a session the one with the larger number stays, whichever comes last", async () => {
  await using server = await openServer();
  await using newer = await RawClient.open(server.url);
  await using older = await RawClient.open(server.url);
  await newer.request({ action: "hello", id: 1, session: SESSION_ID, try: 2 });
  older.send({ action: "hello", id: 1, session: SESSION_ID, try: 1 });
  assertEquals((await older.closed).code, 4409);
  assertEquals(await newer.request(put(2, "t", "one", 1)), { id: 2, seq: 1 });
});

Deno.test("hello states whether deduplication is complete for all puts of a session after those that it knew", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const { epoch } = await client.request({ action: "hello", id: 1, session: SESSION_ID, try: 1 });
  await client.request(put(2, "t", "one", 1));
  const cases = [
    [{ epoch, seq: 0 }, true],
    [{ epoch, seq: 1 }, true],
    [{ epoch: "another", seq: 0 }, false],
    [undefined, undefined],
  ] as const;
  for (const [i, [known, expected]] of cases.entries()) {
    await using again = await RawClient.open(server.url);
    const hello = { action: "hello", id: 1, session: SESSION_ID, try: 2 + i, known };
    assertEquals((await again.request(hello)).dedupComplete, expected, JSON.stringify(known));
  }
});

Deno.test("a put with an unknown number below the last one of its session is superseded", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  await client.request({ action: "hello", id: 1, session: SESSION_ID });
  assertEquals(await client.request(put(2, "t", "five", 5)), { id: 2, seq: 1 });
  assertEquals((await client.request(put(3, "t", "four", 4))).error.code, "superseded");
  assertEquals(await client.request(put(4, "t", "five", 5)), { id: 4, seq: 1, dup: true });
  assertEquals(await client.request(put(5, "t", "six", 6)), { id: 5, seq: 2 });
});

Deno.test("a closed session is forgotten: a session of the same name starts anew", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  await client.request({ action: "hello", id: 1, session: SESSION_ID });
  await client.request(put(2, "t", "one", 5));
  assertEquals(await client.request({ action: "close", id: 3 }), { id: 3 });
  await using other = await RawClient.open(server.url);
  await other.request({ action: "hello", id: 1, session: SESSION_ID });
  assertEquals(await other.request(put(2, "t", "two", 1)), { id: 2, seq: 2 });
});

Deno.test("a put with a number needs a session", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const { error } = await client.request(put(1, "t", "one", 1));
  assertEquals(error.code, "bad_request");
  assertStringIncludes(error.message, "session");
  assertEquals((await client.request(put(2, "t", "two"))).seq, 1);
});

Deno.test("an invalid session, position, number or interval is refused, and a secret is not revealed", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const wrong: object[] = [
    { session: "short" },
    { session: "with a blank in it" },
    { session: 5 },
    { try: -1 },
    { try: "first" },
    { known: 5 },
    { known: { epoch: "e" } },
    { known: { epoch: 5, seq: 1 } },
    { known: { epoch: "e", seq: -1 } },
    { since: { after: 1, epoch: 5 } },
    { since: { after: 1, asOf: "now" } },
    { since: { after: 1, ahead: "5" } },
    { since: { after: 1, ahead: -1 } },
    { since: { after: -1, epoch: "e" } },
    { heartbeat: 99 },
    { heartbeat: 600_001 },
    { heartbeat: 1000.5 },
    { token: {} },
  ];
  for (const fields of wrong) {
    const { error } = await client.request({ action: "hello", id: 1, ...fields });
    assertEquals(error.code, "bad_request", JSON.stringify(fields));
  }
  const { error } = await client.request({ action: "hello", id: 1, session: "secret with a slip" });
  assert(!error.message.includes("secret"), error.message);
  assertEquals((await client.request(put(2, "t", "x", -1))).error.code, "bad_request");
});

Deno.test("a client that asks for heartbeats gets them, with the state of the store", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock, retention: 1000 });
  await using client = await RawClient.open(server.url);
  await using putter = await RawClient.open(server.url);
  await putter.request(put(1, "t", "one"));
  clock.advance(1000);
  await putter.request(put(1, "t", "two"));
  const welcome = await client.request({ action: "hello", id: 1, heartbeat: 1600 });
  assertEquals(welcome.heartbeat, 1600);
  await putter.request(put(1, "t", "three"));
  let heartbeat: Promise<unknown> | undefined;
  for (let part = 0; part < 16 && client.unread.length === 0; part++) {
    heartbeat ??= client.next();
    clock.advance(100);
  }
  const { time, ...rest } = await heartbeat as { time: number };
  assertEquals(rest, { heartbeat: 1600, last: 3, floor: 1 });
  assert(time > welcome.time - 1 && time <= clock.now(), `${time}`);
});

Deno.test("a client that is silent for three intervals times out, and one that answers does not", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock });
  await using silent = await RawClient.open(server.url);
  await using active = await RawClient.open(server.url);
  await using idle = await RawClient.open(server.url);
  for (const client of [silent, active]) {
    await client.request({ action: "hello", id: 1, heartbeat: 160 });
  }
  // One more than that, and one for what it was sent, which may take so long to arrive.
  for (let interval = 0; interval < 5; interval++) {
    for (let part = 0; part < 16; part++) clock.advance(10);
    await active.next();
    await active.request({ action: "heartbeat", id: 2 });
  }
  assertEquals((await silent.closed).code, 4408);
  assertEquals((await idle.request(put(1, "t", "x"))).seq, 1);
  assertEquals(server.stats().connections, 2);
});
