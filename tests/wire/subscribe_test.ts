/**
 * Streams over the wire: `subscribe` and `unsubscribe`.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import {
  assertQuiet,
  credit,
  put,
  RawSubscription,
  subscribe,
} from "../support/raw_subscription.ts";

Deno.test("a subscription streams what is stored, message after message", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock });
  await using reader = await RawClient.open(server.url);
  await using putter = await RawClient.open(server.url);
  assertEquals(await reader.request(subscribe(8)), { id: 8, sub: 8, start: 0, through: 0 });
  await put(putter, "one");
  const time = clock.now();
  assertEquals(await reader.next(), {
    sub: 8,
    prev: 0,
    bytes: 5,
    seqs: [1],
    times: [time],
    bodies: ["one"],
  });
  await putter.request({ action: "put", id: 2, topic: "other", body: "not for it" });
  clock.advance(5);
  await put(putter, "é", "\ud800");
  assertEquals(await reader.next(), {
    sub: 8,
    prev: 1,
    bytes: 4 + 8,
    seqs: [3, 4],
    times: [time + 5, time + 5],
    bodies: ["é", "\ud800"],
  });
  await assertQuiet(reader);
});

Deno.test("consecutive puts are stored together, and streamed together", async () => {
  await using server = await openServer();
  await using reader = await RawClient.open(server.url);
  await using putter = await RawClient.open(server.url);
  await reader.request(subscribe(8));
  const plain = { action: "put", topic: "t", message: "one" };
  putter.send([
    plain,
    { action: "put", topic: "t", body: "one", id: 1 },
    { ...plain, topic: "" },
    plain,
    { action: "put", topic: "t", body: "one", id: "x" },
    plain,
  ]);
  const { bytes, bodies } = await reader.next();
  assertEquals([bytes, bodies.length], [20, 4]);
});

Deno.test("the answer to subscribe comes before its first message", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  client.send([{ action: "put", topic: "t", message: "one" }, subscribe(8)]);
  assertEquals(await client.next(), [{ id: 8, sub: 8, start: 0, through: 0 }]);
  await new RawSubscription(client, 8, 0).read(1);
});

Deno.test("a subscription starts at the cursor; gets do not move it, and it does not move the cursor", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  await put(client, "one", "two", "three");
  const get = { action: "get", id: 2, topic: "t" };
  assertEquals((await client.request(get)).body, "one");
  const stream = await RawSubscription.open(client, subscribe(8, { messages: 1 }));
  await stream.read(1);
  assertEquals((await client.request(get)).body, "two");
  assertEquals((await client.request({ ...get, action: "get_latest" })).body, "three");
  assertEquals("seq" in await client.request(get), false);
  client.send(credit(8, 3, 1000));
  await stream.read(2);
  assertEquals(stream.messages, ["two", "three"]);
});

Deno.test("two subscriptions to one topic are independent", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  await put(client, "one", "two", "three");
  const first = await RawSubscription.open(client, subscribe(8, { messages: 1, since: "start" }));
  await first.read(1);
  const second = await RawSubscription.open(client, subscribe(9, { since: { after: 1 } }));
  await second.read(2);
  await assertQuiet(client);
  client.send(credit(8, 3, 1000));
  await first.read(3);
  await client.request({ action: "unsubscribe", id: 2, sub: 8 });
  client.send({ action: "put", topic: "t", message: "four" });
  await second.read(3);
  assertEquals(first.messages, ["one", "two", "three"]);
  assertEquals(second.messages, ["two", "three", "four"]);
});

Deno.test("every subscriber of a topic gets every message", async () => {
  await using server = await openServer();
  await using putter = await RawClient.open(server.url);
  await using stack = new AsyncDisposableStack();
  const streams: RawSubscription[] = [];
  for (let i = 0; i < 5; i++) {
    const client = stack.use(await RawClient.open(server.url));
    streams.push(await RawSubscription.open(client, subscribe(i)));
  }
  const messages = Array.from({ length: 50 }, (_, i) => `message ${i}`);
  for (const message of messages) putter.send({ action: "put", topic: "t", message });
  for (const stream of streams) {
    await stream.read(50);
    assertEquals(stream.messages, messages);
  }
});

Deno.test("a subscription that catches up misses nothing and repeats nothing while others put", async () => {
  await using server = await openServer();
  await using reader = await RawClient.open(server.url);
  await using putter = await RawClient.open(server.url);
  const messages = Array.from({ length: 6000 }, (_, i) => `${i} ${"x".repeat(i % 100)}`);
  await put(putter, ...messages.slice(0, 3000));
  reader.send(subscribe(8, { since: "start" }));
  for (let i = 3000; i < 6000; i += 100) {
    putter.send({ action: "put", topic: "t", bodies: messages.slice(i, i + 100) });
  }
  const { start } = await reader.next();
  const stream = new RawSubscription(reader, 8, start);
  await stream.read(6000);
  assertEquals(stream.messages, messages);
});

Deno.test("after unsubscribe nothing more is streamed, and its id is free again", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  await RawSubscription.open(client, subscribe(8));
  const { id, error } = await client.request(subscribe(8));
  assertEquals([id, error.code], [8, "bad_request"]);
  assertEquals(await client.request({ action: "unsubscribe", id: 2, sub: 8 }), { id: 2 });
  await put(client, "one");
  await assertQuiet(client);
  assertEquals(await client.request({ action: "unsubscribe", id: 3, sub: 8 }), { id: 3 });
  assertEquals(await client.request({ ...credit(8, 1, 1), id: 4 }), { id: 4 });
  const stream = await RawSubscription.open(client, subscribe(8, { since: "start" }));
  await stream.read(1);
});

Deno.test("a malformed subscribe, credit or unsubscribe is refused, and the stream goes on", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const stream = await RawSubscription.open(client, subscribe(8));
  const cases = [
    [subscribe(9, { messages: -1 }), /messages/],
    [subscribe(9, { bytes: "5" }), /bytes/],
    [subscribe(9, { since: "yesterday" }), /since/],
    [subscribe(9, { onGap: "stop" }), /onGap/],
    [{ ...credit(8, 1.5, 1), id: 9 }, /messages/],
    [{ ...credit(8, 1, 1), sub: "8", id: 9 }, /sub/],
    [{ action: "unsubscribe", id: 9 }, /sub/],
  ] as const;
  for (const [request, about] of cases) {
    const { id, error } = await client.request(request);
    assertEquals([id, error.code], [9, "bad_request"]);
    assertMatch(error.message, about);
  }
  client.send({ action: "put", topic: "t", message: "one" });
  await stream.read(1);
});
