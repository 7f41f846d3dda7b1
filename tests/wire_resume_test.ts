/**
 * A client that comes back: its session, its positions, and the signs of life before.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ManualClock } from "./support/manual_clock.ts";
import { openServer } from "./support/open_server.ts";
import { Raw } from "./support/raw.ts";

const SESSION = "a-session-of-a-test";

function put(id: number, topic: string, message: string, n?: number) {
  return { action: "put", id, topic, message, n };
}

Deno.test("a client goes on where it was: topics that it names, and all others from its start", async () => {
  await using server = await openServer();
  await using putter = await Raw.open(server.url);
  for (const message of ["1", "2", "3"]) await putter.ask(put(1, "read", message));
  await putter.ask(put(1, "unread", "4"));
  await using client = await Raw.open(server.url);
  const { epoch, start } = await client.ask({
    action: "hello",
    id: 1,
    since: { after: 2 },
    positions: { read: 1 },
  });
  assert(typeof epoch === "string");
  assertEquals(start, 2);
  assertEquals((await client.ask({ action: "get", id: 2, topic: "read" })).message, "2");
  assertEquals((await client.ask({ action: "get", id: 3, topic: "unread" })).message, "4");
});

Deno.test("a position of which messages are gone is told at the first read, and then reading goes on", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock, retention: 1000 });
  await using putter = await Raw.open(server.url);
  for (const message of ["1", "2"]) await putter.ask(put(1, "t", message));
  clock.advance(1000);
  await putter.ask(put(1, "t", "3"));
  await using client = await Raw.open(server.url);
  await client.ask({ action: "hello", id: 1, positions: { t: 1 } });
  const { error } = await client.ask({ action: "get", id: 2, topic: "t" });
  assertEquals([error.code, error.position, error.floor, error.last], ["trimmed", 1, 2, 3]);
  assertEquals((await client.ask({ action: "get", id: 3, topic: "t" })).message, "3");
});

Deno.test("a position beyond the last message is told at the first read", async () => {
  await using server = await openServer();
  await using client = await Raw.open(server.url);
  await client.ask({ action: "hello", id: 1, positions: { t: 7 } });
  const { error } = await client.ask({ action: "get", id: 2, topic: "t" });
  assertEquals([error.code, error.position, error.last], ["ahead", 7, 0]);
});

Deno.test("a client of another history is told so at each first read, and at each stream that does not say what to do", async () => {
  await using server = await openServer();
  await using putter = await Raw.open(server.url);
  await putter.ask(put(1, "t", "new"));
  await using client = await Raw.open(server.url);
  await client.ask({
    action: "hello",
    id: 1,
    epoch: "an older one",
    since: { after: 40, epoch: "an older one" },
    positions: { t: 44 },
  });
  for (const topic of ["t", "other"]) {
    const { error } = await client.ask({ action: "get", id: 2, topic });
    assertEquals(error.code, "epoch_changed");
  }
  assertEquals((await client.ask({ action: "get", id: 3, topic: "t" })).message, "new");
  const subscribe = { action: "subscribe", topic: "t", messages: 9, bytes: 1000 };
  const since = { after: 44, epoch: "an older one" };
  const refused = await client.ask({ ...subscribe, id: 4, since });
  assertEquals(refused.error.code, "epoch_changed");
  const { start } = await client.ask({
    ...subscribe,
    id: 5,
    since,
    onGap: "oldest",
  });
  assertEquals(start, 0);
  assertEquals((await client.next()).messages, ["new"]);
});

Deno.test("a newer connection of a session closes the older, with a code of its own", async () => {
  await using server = await openServer();
  await using older = await Raw.open(server.url);
  await using newer = await Raw.open(server.url);
  await older.ask({ action: "hello", id: 1, session: SESSION });
  await newer.ask({ action: "hello", id: 1, session: `${SESSION}-too` });
  await newer.ask({ action: "hello", id: 2, session: SESSION });
  assertEquals((await older.closed).code, 4409);
  // It says it again: nobody is replaced by itself.
  await newer.ask({ action: "hello", id: 3, session: SESSION });
});

Deno.test("a put with a number needs a session", async () => {
  await using server = await openServer();
  await using client = await Raw.open(server.url);
  const { error } = await client.ask(put(1, "t", "one", 1));
  assertEquals(error.code, "bad_request");
  assertStringIncludes(error.message, "session");
  assertEquals((await client.ask(put(2, "t", "two"))).seq, 1);
});

Deno.test("what is no session, position, number or interval is refused, and a secret is not told", async () => {
  await using server = await openServer();
  await using client = await Raw.open(server.url);
  const wrong: object[] = [
    { session: "short" },
    { session: "with a blank in its midst" },
    { session: 5 },
    { positions: [1] },
    { positions: { t: -1 } },
    { positions: { "": 1 } },
    { epoch: 5 },
    { since: { after: 1, epoch: 5 } },
    { heartbeat: 99 },
    { heartbeat: 600_001 },
    { heartbeat: 1000.5 },
    { token: {} },
  ];
  for (const fields of wrong) {
    const { error } = await client.ask({ action: "hello", id: 1, ...fields });
    assertEquals(error.code, "bad_request", JSON.stringify(fields));
  }
  const { error } = await client.ask({ action: "hello", id: 1, session: "secret with a slip" });
  assert(!error.message.includes("secret"), error.message);
  assertEquals((await client.ask(put(2, "t", "x", -1))).error.code, "bad_request");
});

Deno.test("who asks for signs of life gets them, with how far everything is read", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock });
  await using client = await Raw.open(server.url);
  await using putter = await Raw.open(server.url);
  const welcome = await client.ask({ action: "hello", id: 1, heartbeat: 1600 });
  assertEquals(welcome.heartbeat, 1600);
  const subscribe = { action: "subscribe", topic: "t", bytes: 1000 };
  await client.ask({ ...subscribe, id: 2, messages: 9 });
  await client.ask({ ...subscribe, id: 3, messages: 0 });
  await putter.ask(put(1, "t", "one"));
  await client.next();
  for (let part = 0; part < 16; part++) clock.advance(100);
  const sign = await client.next();
  assertEquals(sign, { heartbeat: 1600, floor: 0, through: 1, seen: 3, lagging: [3] });
});

Deno.test("who says nothing for three intervals is given up, and who answers is not", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock });
  await using silent = await Raw.open(server.url);
  await using lively = await Raw.open(server.url);
  await using resting = await Raw.open(server.url);
  for (const client of [silent, lively]) {
    await client.ask({ action: "hello", id: 1, heartbeat: 160 });
  }
  for (let interval = 0; interval < 4; interval++) {
    for (let part = 0; part < 16; part++) clock.advance(10);
    await lively.next();
    await lively.ask({ action: "heartbeat", id: 2 });
  }
  assertEquals((await silent.closed).code, 4408);
  assertEquals((await resting.ask(put(1, "t", "x"))).seq, 1);
  assertEquals(server.stats().connections, 2);
});
