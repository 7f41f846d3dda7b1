/**
 * Streams whose position is no longer in the store, or never was: `trimmed`, `ahead`, and `onGap`.
 *
 * @module
 */

import { assertEquals, assertNotEquals } from "@std/assert";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

const RETENTION = 1000;

const subscribe = (fields: object = {}) => ({
  action: "subscribe",
  id: 8,
  topic: "t",
  messages: 100,
  bytes: 10_000,
  ...fields,
});
const ample = { action: "credit", sub: 8, messages: 100, bytes: 10_000 };

async function put(client: RawClient, topic: string, ...messages: string[]): Promise<void> {
  const { seqs } = await client.request({ action: "put", id: 1, topic, bodies: messages });
  assertEquals(seqs.length, messages.length);
}

/** The next frame of the stream: the number before it, and its messages. */
async function streamed(client: RawClient): Promise<[number, ...string[]]> {
  const { sub, prev, bodies } = await client.next();
  assertEquals(sub, 8);
  return [prev, ...bodies];
}

/** Afterwards the stream has seen that there is a next message, and has no credit for it. */
async function seesNextMessage(client: RawClient): Promise<void> {
  for (let i = 0; i < 5; i++) await assertQuiet(client);
}

async function assertQuiet(client: RawClient): Promise<void> {
  assertEquals(await client.request({ action: "cancel", id: 999, wait: 999 }), { id: 999 });
  assertEquals(client.unread, []);
}

/** Three messages have expired; the fourth and fifth are there. */
async function putOldAndNew(client: RawClient, clock: ManualClock): Promise<void> {
  await put(client, "t", "1", "2", "3");
  clock.advance(RETENTION);
  await put(client, "t", "4", "5");
}

// deno-lint-ignore no-explicit-any -- a test looks at what it expects
function assertGap(error: any, code: string, after: number, floor: number, last: number): void {
  assertNotEquals(error.message, "");
  assertEquals({ ...error, message: "" }, { code, message: "", after, floor, last });
}

Deno.test("a subscription after a trimmed position is refused, and told what is left", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock, retention: RETENTION });
  await using client = await RawClient.open(server.url);
  await putOldAndNew(client, clock);
  const { id, error } = await client.request(subscribe({ since: { after: 2 } }));
  assertEquals(id, 8);
  assertGap(error, "trimmed", 2, 3, 5);
  await put(client, "t", "6");
  await assertQuiet(client);
  assertEquals(await client.request(subscribe({ since: { after: 3 } })), {
    id: 8,
    sub: 8,
    start: 3,
  });
  assertEquals(await streamed(client), [3, "4", "5", "6"]);
});

Deno.test("a subscription after a position beyond the last message is refused", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock, retention: RETENTION });
  await using client = await RawClient.open(server.url);
  await putOldAndNew(client, clock);
  const { id, error } = await client.request(subscribe({ since: { after: 6 } }));
  assertEquals(id, 8);
  assertGap(error, "ahead", 6, 3, 5);
  await put(client, "t", "6", "7");
  await assertQuiet(client);
});

const gapless = [
  ["the oldest retained message", { after: 2 }, "oldest", 3, [3, "4", "5"]],
  ["new messages", { after: 2 }, "now", 5, undefined],
  ["new messages, if it was ahead", { after: 99 }, "oldest", 5, undefined],
  ["new messages, if it was ahead", { after: 99 }, "now", 5, undefined],
] as const;

for (const [what, since, onGap, start, first] of gapless) {
  Deno.test(`with onGap "${onGap}" a subscription goes on with ${what}`, async () => {
    const clock = new ManualClock();
    await using server = await openServer({ clock, retention: RETENTION });
    await using client = await RawClient.open(server.url);
    await putOldAndNew(client, clock);
    assertEquals(await client.request(subscribe({ since, onGap })), { id: 8, sub: 8, start });
    if (first) assertEquals(await streamed(client), [...first]);
    await assertQuiet(client);
    client.send({ action: "put", topic: "t", message: "6" });
    assertEquals(await streamed(client), [5, "6"]);
  });
}

Deno.test("a stream that loses its next message because it has no credit ends with an error", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock, retention: RETENTION });
  await using client = await RawClient.open(server.url);
  await client.request(subscribe({ messages: 1 }));
  client.send({ action: "put", topic: "t", bodies: ["1", "2", "3"] });
  assertEquals(await streamed(client), [0, "1"]);
  await seesNextMessage(client);
  clock.advance(RETENTION);
  await put(client, "t", "4");
  await assertQuiet(client);
  client.send(ample);
  const { sub, error } = await client.next();
  assertEquals(sub, 8);
  assertGap(error, "trimmed", 1, 3, 4);
  await put(client, "t", "5");
  client.send(ample);
  await assertQuiet(client);
  assertEquals(await client.request(subscribe({ since: { after: 3 } })), {
    id: 8,
    sub: 8,
    start: 3,
  });
  assertEquals(await streamed(client), [3, "4", "5"]);
});

Deno.test("a stream that loses its first message because it has no credit ends with an error, too", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock, retention: RETENTION });
  await using client = await RawClient.open(server.url);
  await client.request(subscribe({ messages: 0 }));
  await put(client, "t", "1");
  clock.advance(RETENTION);
  client.send(ample);
  const { sub, error } = await client.next();
  assertEquals(sub, 8);
  assertGap(error, "trimmed", 0, 1, 1);
});

Deno.test("a subscription from the cursor skips what expired unread, as a get does", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock, retention: RETENTION });
  await using client = await RawClient.open(server.url);
  await putOldAndNew(client, clock);
  // The cursor stays where it is; the stream begins after what had expired when it was opened.
  assertEquals(await client.request(subscribe()), { id: 8, sub: 8, start: 3, through: 0 });
  assertEquals(await streamed(client), [3, "4", "5"]);
});

for (const [onGap, expected] of [["oldest", [1, "4", "5"]], ["now", [1, "6"]]] as const) {
  Deno.test(`with onGap "${onGap}" a stream that loses messages continues, and its frames show the gap`, async () => {
    const clock = new ManualClock();
    await using server = await openServer({ clock, retention: RETENTION });
    await using client = await RawClient.open(server.url);
    await client.request(subscribe({ messages: 1, onGap }));
    client.send({ action: "put", topic: "t", bodies: ["1", "2", "3"] });
    assertEquals(await streamed(client), [0, "1"]);
    await seesNextMessage(client);
    clock.advance(RETENTION);
    await put(client, "t", "4", "5");
    client.send(ample);
    if (onGap === "now") {
      await assertQuiet(client);
      client.send({ action: "put", topic: "t", message: "6" });
    }
    assertEquals(await streamed(client), [...expected]);
    await assertQuiet(client);
  });
}

Deno.test("messages that expire after they were streamed are not a gap", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock, retention: RETENTION });
  await using client = await RawClient.open(server.url);
  await client.request(subscribe({ since: { after: 0 } }));
  client.send({ action: "put", topic: "t", message: "1" });
  assertEquals(await streamed(client), [0, "1"]);
  clock.advance(RETENTION);
  client.send({ action: "put", topic: "t", message: "2" });
  assertEquals(await streamed(client), [1, "2"]);
});

Deno.test("messages of other topics that expire are not a gap for a stream that is up to date", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock, retention: RETENTION });
  await using client = await RawClient.open(server.url);
  await client.request(subscribe({ since: { after: 0 }, messages: 0 }));
  await put(client, "other", "x", "y");
  clock.advance(RETENTION);
  await put(client, "t", "3");
  await put(client, "other", "z");
  await assertQuiet(client);
  client.send(ample);
  assertEquals(await streamed(client), [0, "3"]);
  await assertQuiet(client);
});

Deno.test("a stream that lags and loses nothing of its own topic continues", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock, retention: RETENTION });
  await using client = await RawClient.open(server.url);
  await put(client, "other", "x");
  await client.request(subscribe({ messages: 0 }));
  clock.advance(1);
  await put(client, "t", "2");
  clock.advance(RETENTION - 1);
  await put(client, "other", "y");
  await assertQuiet(client);
  client.send(ample);
  assertEquals(await streamed(client), [0, "2"]);
});

Deno.test("a stream from the cursor is told of a gap that hello left there, as a read would be", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock, retention: RETENTION });
  await using client = await RawClient.open(server.url);
  await putOldAndNew(client, clock);
  await client.request({ action: "hello", id: 2, since: { after: 1 } });
  const { error } = await client.request(subscribe());
  assertGap(error, "trimmed", 1, 3, 5);
  assertEquals(await client.request(subscribe()), { id: 8, sub: 8, start: 3, through: 3 });
  assertEquals(await streamed(client), [3, "4", "5"]);
});

Deno.test("a stream after a position is told of what expired in its own topic only", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock, retention: RETENTION });
  await using client = await RawClient.open(server.url);
  await put(client, "t", "1");
  await put(client, "other", "2", "3");
  clock.advance(RETENTION);
  await put(client, "t", "4");
  const { error } = await client.request(subscribe({ topic: "other", since: { after: 1 } }));
  assertGap(error, "trimmed", 1, 3, 4);
  assertEquals(await client.request(subscribe({ since: { after: 1 } })), {
    id: 8,
    sub: 8,
    start: 1,
  });
  assertEquals(await streamed(client), [1, "4"]);
});

for (const onGap of ["oldest", "now"] as const) {
  Deno.test(`an emptied topic has a gap as well: with onGap "${onGap}" its stream continues behind it`, async () => {
    const clock = new ManualClock();
    await using server = await openServer({ clock, retention: RETENTION });
    await using client = await RawClient.open(server.url);
    await put(client, "t", "1", "2");
    await put(client, "other", "3");
    clock.advance(RETENTION);
    const since = { after: 1 };
    const { error, through } = await client.request(subscribe({ since }));
    assertGap(error, "trimmed", 1, 3, 3);
    assertEquals(through, 2);
    const { start } = await client.request(subscribe({ since, onGap }));
    assertEquals(start, onGap === "oldest" ? 2 : 3);
    client.send({ action: "put", topic: "t", message: "4" });
    assertEquals(await streamed(client), [start, "4"]);
  });
}

Deno.test("a stream from the connection's own cursor ignores the position that is given for a missing one", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  await put(client, "t", "1", "2", "3");
  const cursor = { after: 2 };
  const first = await client.request(subscribe({ cursor }));
  assertEquals([first.start, await streamed(client)], [2, [2, "3"]]);
  await client.request({ action: "unsubscribe", id: 9, sub: 8 });
  await client.request({ action: "get", id: 10, topic: "t" });
  await put(client, "t", "4");
  const second = await client.request(subscribe({ cursor }));
  assertEquals([second.start, await streamed(client)], [3, [3, "4"]]);
});
