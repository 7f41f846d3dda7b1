/**
 * Streams of prefixes over the wire.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { put, readTo, subscribe } from "../support/prefix_stream.ts";
import { AMPLE, assertQuiet, credit } from "../support/raw_subscription.ts";
import { seeded } from "../../testing/seeded.ts";

Deno.test("a stream of a prefix brings the messages of all its topics, each with its topic", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock });
  await using reader = await RawClient.open(server.url);
  await using putter = await RawClient.open(server.url);
  assertEquals(await reader.request(subscribe(8, "orders.")), { id: 8, sub: 8, start: 0 });
  await put(putter, "orders.eu", "four");
  const time = clock.now();
  assertEquals(
    await reader.nextText(),
    `{"sub":8,"prev":0,"bytes":6,"seqs":[1],"times":[${time}],"topics":["orders.eu"],"bodies":["four"]}`,
  );
  await put(putter, "orders", "not for it");
  clock.advance(5);
  await putter.send([
    { action: "put", id: 1, topic: 'orders.\u00e9"', bodies: ["a", "b"] },
    { action: "put", id: 2, topic: "other", body: "not for it" },
    { action: "put", id: 3, topic: "orders.", body: "c" },
  ]);
  assertEquals(await reader.next(), {
    sub: 8,
    prev: 1,
    bytes: 9,
    seqs: [3, 4, 6],
    times: [time + 5, time + 5, time + 5],
    topics: ['orders.\u00e9"', 'orders.\u00e9"', "orders."],
    bodies: ["a", "b", "c"],
  });
  await assertQuiet(reader);
});

Deno.test("streams of prefixes, nested and empty, and of topics get the same messages beside each other", async () => {
  await using server = await openServer();
  await using putter = await RawClient.open(server.url);
  await using stack = new AsyncDisposableStack();
  const prefixes = ["", "a", "a.", "a.b", "a.b", "b", "c"];
  const readers = await Promise.all(prefixes.map(async (prefix) => {
    const client = stack.use(await RawClient.open(server.url));
    await client.request(subscribe(8, prefix));
    return client;
  }));
  const topicReader = stack.use(await RawClient.open(server.url));
  await topicReader.request({ action: "subscribe", id: 8, topic: "a.b", ...AMPLE });
  const random = seeded(1);
  const topics = ["a", "a.b", "a.b.c", "ab", "b", "d"];
  const all: [string, string][] = [];
  for (let i = 0; i < 60; i++) {
    const frame = Array.from({ length: 1 + random(4) }, (_, id) => {
      const topic = topics[random(topics.length)]!;
      const bodies = Array.from({ length: 1 + random(3) }, (_, j) => `${i} ${id} ${j}`);
      all.push(...bodies.map((body): [string, string] => [topic, body]));
      return { action: "put", id, topic, bodies };
    });
    await putter.request(frame);
  }
  const ends = ["a.b.c", "b"];
  for (const topic of [...ends, "a.b"]) {
    await put(putter, topic, `end of ${topic}`);
    all.push([topic, `end of ${topic}`]);
  }
  for (const [i, prefix] of prefixes.entries()) {
    const expected = all.filter(([topic]) => topic.startsWith(prefix));
    if (expected.length === 0) {
      await assertQuiet(readers[i]!);
      continue;
    }
    assertEquals(await readTo(readers[i]!, 0, expected.at(-1)![1]), expected, prefix);
  }
  const bodies: string[] = [];
  while (bodies.at(-1) !== "end of a.b") {
    const frame = await topicReader.next();
    assertEquals("topics" in frame, false);
    bodies.push(...frame.bodies);
  }
  assertEquals(bodies, all.filter(([topic]) => topic === "a.b").map(([, body]) => body));
});

Deno.test("a stream of a prefix that catches up misses nothing and repeats nothing while others put", async () => {
  await using server = await openServer();
  await using reader = await RawClient.open(server.url);
  await using putter = await RawClient.open(server.url);
  const all: [string, string][] = [];
  const putSome = async (from: number, to: number) => {
    for (let i = from; i < to; i += 50) {
      const topic = `p.${i % 7}`;
      const bodies = Array.from({ length: 50 }, (_, j) => `${i + j} ${"x".repeat((i + j) % 100)}`);
      all.push(...bodies.map((body): [string, string] => [topic, body]));
      await put(putter, topic, ...bodies);
      await put(putter, "other", "not for it");
    }
  };
  await putSome(0, 3000);
  const opened = reader.request(subscribe(8, "p.", { since: "start" }));
  await putSome(3000, 6000);
  assertEquals((await opened).start, 0);
  assertEquals(await readTo(reader, 0, all.at(-1)![1]), all);
});

Deno.test("a stream of a prefix sends only what was granted, message by message and byte by byte", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  await put(client, "p.1", "one");
  await put(client, "q", "not for it");
  await put(client, "p.2", "two", "three");
  await client.request(subscribe(8, "p.", { since: "start", messages: 1, bytes: 5 }));
  assertEquals(await readTo(client, 0, "one"), [["p.1", "one"]]);
  await assertQuiet(client);
  client.send(credit(8, 9, 5));
  await assertQuiet(client);
  // As many bytes as the bodies have: the names of topics do not count.
  client.send(credit(8, 9, 5 + 5));
  assertEquals(await readTo(client, 1, "two"), [["p.2", "two"]]);
  await put(client, "p.3", "four");
  await assertQuiet(client);
  client.send(credit(8, 9, 1000));
  assertEquals(await readTo(client, 3, "four"), [["p.2", "three"], ["p.3", "four"]]);
});

Deno.test("frames of long names are no larger than others, and than the client asks for", async () => {
  await using server = await openServer({ limits: { topicBytes: 256 } });
  await using putter = await RawClient.open(server.url);
  const topic = (i: number) => `p${i % 10}`.padEnd(255, i % 2 === 0 ? '"' : "\u00e9").slice(0, 127);
  for (let i = 0; i < 3000; i += 100) {
    await putter.request(
      Array.from(
        { length: 100 },
        (_, id) => ({ action: "put", id, topic: topic(i + id), body: "m" }),
      ),
    );
  }
  for (const [frameBytes, max] of [[undefined, 256 * 1024], [16 * 1024, 16 * 1024]]) {
    await using reader = await RawClient.open(server.url);
    await reader.request({ action: "hello", id: 1, frameBytes });
    for (let event = reader.request(subscribe(8, "p", { since: "start" }));;) {
      const reply = await event;
      if (reply.sub === 8 && reply.id === 8) break;
      event = reader.next();
    }
    for (let count = 0; count < 3000;) {
      const text = await reader.nextText();
      const size = new TextEncoder().encode(text).length;
      assert(size <= max!, `a frame has ${size} bytes`);
      count += JSON.parse(text).bodies?.length ?? 0;
    }
  }
});

Deno.test("a large message of a prefix is announced by its number, however long its topic is", async () => {
  await using server = await openServer();
  await using reader = await RawClient.open(server.url);
  await using putter = await RawClient.open(server.url);
  const topic = "p".repeat(256);
  await reader.request({ action: "hello", id: 1, frameBytes: 16 * 1024 });
  await reader.send(subscribe(8, "p"));
  while ((await reader.next()).sub !== 8 || reader.unread.length > 0);
  await put(putter, topic, "x".repeat(100_000));
  const { ahead, ...named } = await reader.next();
  assertEquals(named, { sub: 8, through: 1 });
  const text = await reader.nextText();
  assertEquals(JSON.parse(text).topics, [topic]);
  assert(Math.abs(ahead - text.length) < 1000, `${ahead} bytes were announced`);
});

Deno.test("a subscription names a topic or a prefix, not both, and the prefix can be the beginning of a topic", async () => {
  await using server = await openServer({ limits: { topicBytes: 10 } });
  await using client = await RawClient.open(server.url);
  const refused = async (fields: object, code: string, ...parts: string[]) => {
    const { error } = await client.request({ action: "subscribe", id: 8, ...AMPLE, ...fields });
    assertEquals(error.code, code, JSON.stringify(fields));
    for (const part of parts) assertStringIncludes(error.message, part);
  };
  const form = 'must have "topic" or "prefix"';
  await refused({ topic: "t", prefix: "p" }, "bad_request", form, "both");
  await refused({}, "bad_request", form, "neither");
  await refused({ topic: null }, "bad_topic", "null");
  await refused({ prefix: 5 }, "bad_topic", "a prefix is a string, got a number");
  await refused({ prefix: null }, "bad_topic", "a prefix is a string, got null");
  await refused({ prefix: ["p"] }, "bad_topic", "a prefix is a string, got an array");
  await refused({ prefix: "p\n" }, "bad_topic", "control");
  await refused({ prefix: "\ud800" }, "bad_topic", "surrogates");
  await refused({ prefix: "x".repeat(11) }, "bad_topic", "11 bytes, the limit is 10");
  await refused({ prefix: "x".repeat(10_000) }, "bad_topic", "10000 characters");
  await refused({ prefix: "p", since: "then" }, "bad_request", "since");
  await refused({ prefix: "p", cursor: { after: 1 } }, "bad_request", "cursor");
  await refused({ prefix: "p", messages: -1 }, "bad_request", "messages");
  await refused({ prefix: "p", onGap: "stop" }, "bad_request", "onGap");
  // Nothing is lost beside them.
  assertEquals((await client.request(subscribe(8, "x".repeat(10)))).start, 0);
  assertEquals((await client.request(subscribe(9, ""))).start, 0);
  await using putter = await RawClient.open(server.url);
  await put(putter, "xxxxxxxxxx", "one");
  assertEquals([(await client.next()).bodies, (await client.next()).bodies], [["one"], ["one"]]);
});

Deno.test("a topic of dsmq 1.x without a name belongs to the empty prefix alone", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  await client.request(subscribe(8, ""));
  client.send({ action: "put", topic: "", message: "one" });
  assertEquals((await client.next()).topics, [""]);
});

Deno.test("a stream of a prefix ends when its client says so, and its id is free again", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  await client.request(subscribe(8, "p."));
  assertEquals((await client.request(subscribe(8, "p."))).error.code, "bad_request");
  assertEquals(await client.request({ action: "unsubscribe", id: 2, sub: 8 }), { id: 2 });
  await put(client, "p.1", "one");
  await assertQuiet(client);
  assertEquals((await client.request(subscribe(8, "p.", { since: "now" }))).start, 1);
});
