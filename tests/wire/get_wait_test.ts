/**
 * Waiting for a message over the wire: `get_wait` and `cancel`. The test controls the server's time.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

const get = (id: number) => ({ action: "get", id, topic: "t" });
const getWait = (id: number, timeout?: number) => ({ action: "get_wait", id, topic: "t", timeout });
const cancel = (id: number, wait: number) => ({ action: "cancel", id, wait });

async function put(client: RawClient, ...messages: string[]): Promise<void> {
  const { seqs } = await client.request({ action: "put", id: 1, topic: "t", bodies: messages });
  assertEquals(seqs.length, messages.length);
}

// deno-lint-ignore no-explicit-any -- a test looks at what it expects
type Reply = any;

/** The next answers, this many, in one frame or several, as a list. */
async function replies(client: RawClient, count: number): Promise<Reply[]> {
  const found: Reply[] = [];
  while (found.length < count) found.push(...[await client.next()].flat());
  assertEquals(found.length, count);
  return found;
}

/** Asserts that only the answer to a `get` comes: the topic is empty, and those that wait still wait. */
async function assertQuiet(client: RawClient): Promise<void> {
  const { id, body, seq } = await client.request(get(999));
  assertEquals([id, body, seq], [999, "", undefined]);
  assertEquals(client.unread, []);
}

Deno.test("get_wait answers at once if there is a message to read", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock });
  await using client = await RawClient.open(server.url);
  await put(client, "one", "two");
  const time = clock.now();
  assertEquals(
    await client.request(getWait(2)),
    { id: 2, body: "one", seq: 1, time, through: 1 },
  );
  assertEquals((await client.request(get(3))).body, "two");
});

Deno.test("get_wait answers as soon as a message is stored", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock });
  await using reader = await RawClient.open(server.url);
  await using putter = await RawClient.open(server.url);
  reader.send(getWait(2, 60_000));
  await assertQuiet(reader);
  clock.advance(59_999);
  await put(putter, "one");
  const time = clock.now();
  assertEquals(await reader.next(), { id: 2, body: "one", seq: 1, time, through: 1 });
  clock.advance(60_000);
  await assertQuiet(reader);
});

Deno.test("a message of another topic does not end a get_wait", async () => {
  await using server = await openServer();
  await using reader = await RawClient.open(server.url);
  reader.send(getWait(2));
  await reader.request({ action: "put", id: 3, topic: "other", body: "x" });
  await assertQuiet(reader);
  reader.send({ action: "put", topic: "t", message: "one" });
  assertEquals((await reader.next()).body, "one");
});

Deno.test("get_wait with a timeout of 0 answers at once", async () => {
  await using server = await openServer({ clock: new ManualClock() });
  await using client = await RawClient.open(server.url);
  assertEquals(await client.request(getWait(2, 0)), { id: 2, body: "", through: 0 });
  assertEquals(await client.request([getWait(3, 0)]), [{ id: 3, body: "", through: 0 }]);
  await put(client, "one");
  assertEquals((await client.request(getWait(4, 0))).body, "one");
});

Deno.test("get_wait returns an empty message when its timeout has passed, to the millisecond", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock });
  await using client = await RawClient.open(server.url);
  client.send(getWait(2, 5000));
  await assertQuiet(client);
  clock.advance(4999);
  await assertQuiet(client);
  clock.advance(1);
  assertEquals(await client.next(), { id: 2, body: "", through: 0 });
  await put(client, "kept for the next read");
  assertEquals((await client.request(get(3))).body, "kept for the next read");
});

Deno.test("get_wait waits ten seconds unless it gives a timeout", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock });
  await using client = await RawClient.open(server.url);
  client.send({ action: "get_wait", id: 2, topic: "t" });
  await assertQuiet(client);
  clock.advance(9999);
  await assertQuiet(client);
  clock.advance(1);
  assertEquals(await client.next(), { id: 2, body: "", through: 0 });
});

Deno.test("an invalid timeout is refused", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  for (const timeout of [-1, 1.5, "5", null, 2 ** 31]) {
    const { id, error } = await client.request({ ...getWait(2), timeout });
    assertEquals([id, error.code], [2, "bad_request"]);
    assertMatch(error.message, /timeout/);
  }
  client.send(getWait(3, 2 ** 31 - 1));
  await assertQuiet(client);
});

Deno.test("a cancelled get_wait is answered as if its timeout had passed", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock });
  await using client = await RawClient.open(server.url);
  client.send(getWait(2));
  await assertQuiet(client);
  client.send(cancel(3, 2));
  const both = (await replies(client, 2)).sort((one, other) => one.id - other.id);
  assertEquals(both, [{ id: 2, body: "", through: 0 }, { id: 3 }]);
  clock.advance(20_000);
  await put(client, "one");
  assertEquals((await client.request(get(4))).body, "one");
  assertEquals(await client.request(cancel(5, 2)), { id: 5 });
  client.send(cancel(undefined as unknown as number, 2));
  await assertQuiet(client);
});

Deno.test("waiters queue up and get one message each", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock });
  await using reader = await RawClient.open(server.url);
  await using putter = await RawClient.open(server.url);
  for (const id of [2, 3, 4, 5]) reader.send(getWait(id));
  await assertQuiet(reader);
  await put(putter, "one");
  assertEquals((await replies(reader, 1)).map(({ id, body }) => [id, body]), [[2, "one"]]);
  await assertQuiet(reader);
  await put(putter, "two", "three");
  assertEquals(
    (await replies(reader, 2)).map(({ id, body }) => [id, body]),
    [[3, "two"], [4, "three"]],
  );
  await put(putter, "four", "five");
  assertEquals((await replies(reader, 1)).map(({ id, body }) => [id, body]), [[5, "four"]]);
  assertEquals((await reader.request(get(6))).body, "five");
});

Deno.test("messages that are already there go to the waiters in order, in one frame", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  await put(client, "one", "two");
  client.send([getWait(2), getWait(3), getWait(4), get(5)]);
  const found = await client.next();
  assertEquals(
    found.map(({ id, body }: Reply) => [id, body]),
    [[2, "one"], [3, "two"], [5, ""]],
  );
  client.send({ action: "put", topic: "t", message: "three" });
  assertEquals((await replies(client, 1)).map(({ id, body }) => [id, body]), [[4, "three"]]);
});

Deno.test("a waiter that gives up leaves its message to the next", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock });
  await using reader = await RawClient.open(server.url);
  await using putter = await RawClient.open(server.url);
  reader.send(getWait(2, 100));
  reader.send(getWait(3, 300));
  reader.send(getWait(4, 200));
  reader.send(getWait(5, 400));
  await assertQuiet(reader);
  clock.advance(100);
  assertEquals(await reader.next(), { id: 2, body: "", through: 0 });
  reader.send(cancel(6, 3));
  await replies(reader, 2);
  await put(putter, "one");
  assertEquals((await replies(reader, 1)).map(({ id, body }) => [id, body]), [[4, "one"]]);
  clock.advance(300);
  assertEquals(await reader.next(), { id: 5, body: "", through: 1 });
});

Deno.test("a get and a get_latest beside a get_wait return nothing, and take nothing from it", async () => {
  await using server = await openServer();
  await using reader = await RawClient.open(server.url);
  await using putter = await RawClient.open(server.url);
  reader.send(getWait(2));
  await assertQuiet(reader);
  const latest = { action: "get_latest", id: 3, topic: "t" };
  assertEquals(await reader.request(latest), { id: 3, body: "", through: 0 });
  assertEquals(await reader.request(getWait(4, 0)), { id: 4, body: "", through: 0 });
  await put(putter, "one", "two");
  assertEquals((await reader.next()).body, "one");
  assertEquals((await reader.request(get(5))).body, "two");
});

Deno.test("a message put in the frame of a get_wait reaches it", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  client.send([getWait(2), { action: "put", id: 3, topic: "t", body: "one" }, get(4)]);
  const found = (await replies(client, 3)).sort((one, other) => one.id - other.id);
  assertEquals(found.map(({ id, body }) => [id, body]), [[2, "one"], [3, undefined], [
    4,
    "",
  ]]);
});

Deno.test("each waiting connection gets every message", async () => {
  await using server = await openServer();
  await using one = await RawClient.open(server.url);
  await using two = await RawClient.open(server.url);
  for (const client of [one, two]) {
    client.send(getWait(2));
    await assertQuiet(client);
  }
  one.send({ action: "put", topic: "t", message: "for both" });
  for (const client of [one, two]) {
    const { id, body } = await client.next();
    assertEquals([id, body], [2, "for both"]);
  }
});

Deno.test("an id that a get_wait still uses is refused, and is free once it is answered", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  client.send(getWait(2));
  await assertQuiet(client);
  const { id, error } = await client.request(getWait(2));
  assertEquals([id, error.code], [2, "bad_request"]);
  client.send({ action: "put", topic: "t", message: "one" });
  assertEquals((await client.next()).body, "one");
  client.send(getWait(2));
  await assertQuiet(client);
  client.send({ action: "put", topic: "t", message: "two" });
  assertEquals((await client.next()).body, "two");
});

Deno.test("a connection that closes while it waits takes no message from others", async () => {
  await using server = await openServer();
  await using reader = await RawClient.open(server.url);
  {
    await using closed = await RawClient.open(server.url);
    closed.send(getWait(2));
    await assertQuiet(closed);
  }
  reader.send(getWait(2));
  await assertQuiet(reader);
  reader.send({ action: "put", topic: "t", message: "one" });
  assertEquals((await reader.next()).body, "one");
});
