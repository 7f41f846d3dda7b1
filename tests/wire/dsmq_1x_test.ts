/**
 * What a client of dsmq 1.x sends over the wire, and what it receives: frames are compared as text.
 *
 * A later request, whose answer comes first, proves that a frame does not come.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { ManualClock } from "../support/manual_clock.ts";
import { openServer, quiet } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

const put = (topic: string, message: string) => ({ action: "put", topic, message });
const get = (topic: string) => ({ action: "get", topic });
const getLatest = (topic: string) => ({ action: "get_latest", topic });

async function requestText(client: RawClient, request: unknown): Promise<string> {
  client.send(request);
  return await client.nextText();
}

Deno.test("a put of dsmq 1.x has no answer, and the answer to a get holds the message alone", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  client.send('{"action": "put", "topic": "t", "message": "hello"}');
  assertEquals(
    await requestText(client, '{"action": "get", "topic": "t"}'),
    '{"message":"hello"}',
  );
  assertEquals(await requestText(client, get("t")), '{"message":""}');
  assertEquals(client.unread, []);
});

Deno.test("dsmq 1.x gets the oldest unread message first, on every connection", async () => {
  await using server = await openServer();
  await using putter = await RawClient.open(server.url);
  await using reader = await RawClient.open(server.url);
  for (const message of ["one", "two", "three"]) putter.send(put("t", message));
  assertEquals(await requestText(putter, get("t")), '{"message":"one"}');
  for (const client of [reader, putter]) {
    const rest = client === reader ? ["one", "two", "three"] : ["two", "three"];
    for (const message of rest) {
      assertEquals(await requestText(client, get("t")), `{"message":"${message}"}`);
    }
    assertEquals(await requestText(client, get("t")), '{"message":""}');
  }
});

Deno.test("dsmq 1.x reads nothing that was put before it connected", async () => {
  await using server = await openServer();
  await using putter = await RawClient.open(server.url);
  putter.send(put("t", "before"));
  assertEquals(await requestText(putter, get("t")), '{"message":"before"}');
  await using reader = await RawClient.open(server.url);
  putter.send(put("t", "after"));
  assertEquals(await requestText(putter, get("t")), '{"message":"after"}');
  assertEquals(await requestText(reader, get("t")), '{"message":"after"}');
  assertEquals(await requestText(reader, get("t")), '{"message":""}');
});

Deno.test("get_latest of dsmq 1.x returns the newest unread message and skips the older ones", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  assertEquals(await requestText(client, getLatest("t")), '{"message":""}');
  for (const message of ["one", "two", "three"]) client.send(put("t", message));
  assertEquals(await requestText(client, getLatest("t")), '{"message":"three"}');
  assertEquals(await requestText(client, getLatest("t")), '{"message":""}');
  assertEquals(await requestText(client, get("t")), '{"message":""}');
  client.send(put("t", "four"));
  assertEquals(await requestText(client, get("t")), '{"message":"four"}');
});

Deno.test("topics do not mix, and a topic without messages is empty", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  client.send(put("a", "for a"));
  client.send(put("b", "for b"));
  assertEquals(await requestText(client, get("c")), '{"message":""}');
  assertEquals(await requestText(client, get("b")), '{"message":"for b"}');
  assertEquals(await requestText(client, get("a")), '{"message":"for a"}');
});

/** What Python's `json.dumps` writes for a value, and what the original server answers to a put and a get of it. */
const VALUES: readonly (readonly [written: string, reply: string])[] = [
  ["true", '"1"'],
  ["false", '"0"'],
  ["null", "null"],
  ["NaN", "null"],
  ["Infinity", '"Inf"'],
  ["-Infinity", '"-Inf"'],
  ["7", '"7"'],
  ["-0.0", '"0.0"'],
  ["7.5", '"7.5"'],
  ["0.1234567890123456", '"0.123456789012346"'],
  ["1e+16", '"1.0e+16"'],
  ["9223372036854775807", '"9223372036854775807"'],
  ['""', '""'],
  ['"NaN"', '"NaN"'],
  ['"\\u00e9\\ud83d\\ude00 \\u0000"', '"é😀 \\u0000"'],
];

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`${transport}: values that Python puts and that are not strings read the same as in the original, as message and as topic`, async () => {
    await using server = await openServer({ transport });
    await using putter = await RawClient.open(server.url);
    await using reader = await RawClient.open(server.url);
    await using modern = await RawClient.open(server.url);
    for (const [written, reply] of VALUES) {
      putter.send(`{"action": "put", "topic": "t", "message": ${written}}`);
      // To its putter and to another client, each in one answer; with NaN in the frame of a get, too.
      assertEquals(
        await requestText(putter, `{"action": "get", "topic": "t", "x": NaN}`),
        `{"message":${reply}}`,
      );
      assertEquals(
        await requestText(reader, '{"action": "get_latest", "topic": "t"}'),
        `{"message":${reply}}`,
      );
      const { message } = await modern.request({ action: "get", id: 1, topic: "t" });
      assertEquals(message, JSON.parse(reply === "null" ? '"null"' : reply));

      putter.send(`{"action": "put", "topic": ${written}, "message": "as topic"}`);
      const asTopic = await putter.request(`{"action": "get", "topic": ${written}}`);
      if (reply === "null" || reply.includes("\\u0000")) {
        assertEquals([asTopic.message, asTopic.error.code], ["", "bad_topic"]);
      } else {
        assertEquals(asTopic, { message: "as topic" });
        const named = `{"action": "get_latest", "topic": ${reply}}`;
        assertEquals(await reader.request(named), { message: "as topic" });
      }
    }
    // Several in one frame, and in a frame that is parsed in parts.
    const puts = VALUES.map(([written]) => `{"action":"put","topic":"u","message":${written}}`);
    for (const rest of ["", " ".repeat(100_000)]) {
      putter.send(`[${puts},${VALUES.map(() => '{"action":"get","topic":"u"}')}]${rest}`);
      assertEquals(
        await putter.nextText(),
        `[${VALUES.map(([, reply]) => `{"message":${reply}}`)}]`,
      );
    }
    assertEquals([putter.unread, reader.unread], [[], []]);
  });
}

Deno.test("only dsmq 1.x has an empty topic: other clients do not see it", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  client.send(put("", "m"));
  client.send(put("t", "m"));
  const { topics } = await client.request({ action: "topics", id: 1 });
  assertEquals(topics.map(({ topic }: { topic: string }) => topic), ["t"]);
  for (const action of ["get", "put", "subscribe", "get_wait"]) {
    const { error } = await client.request({ action, id: 2, topic: "", message: "m" });
    assertEquals(error.code, "bad_topic");
  }
  assertEquals(await requestText(client, get("")), '{"message":"m"}');
  assertEquals(await requestText(client, getLatest("")), '{"message":""}');
});

Deno.test("what dsmq 1.x puts comes out unchanged", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const messages = ["", " ", "5", "é😀", '"\\/', "\u0000", "\ud800", "\u2028", '{"message":"x"}'];
  for (const message of messages) {
    client.send(put("t", message));
    assertEquals(await client.request(get("t")), { message });
  }
  client.send('{"action": "put", "topic": "t", "message": "\\u00e9\\ud83d\\ude00"}');
  assertEquals(await requestText(client, get("t")), '{"message":"é😀"}');
});

Deno.test("a bad get of dsmq 1.x has exactly one answer: an empty message and the reason", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  client.send(put("t", "good"));
  for (const action of ["get", "get_latest"]) {
    for (const topic of [undefined, null, {}, ["t"], "a\nb", "x".repeat(257), "\udc00"]) {
      const reply = await client.request({ action, topic });
      assertEquals(Object.keys(reply), ["message", "error"]);
      assertEquals([reply.message, reply.error.code], ["", "bad_topic"]);
      assertNotEquals(reply.error.message, "");
    }
  }
  assertEquals(await requestText(client, get("t")), '{"message":"good"}');
  assertEquals(client.unread, []);
});

Deno.test("a client of dsmq 1.x gets answers to gets only, and none of its mistakes closes its connection", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const unanswered: unknown[] = [
    "",
    "hello",
    "{",
    "null",
    "5",
    '"get"',
    "{}",
    "[]",
    "[[]]",
    new Uint8Array([1, 2, 3]),
    new TextEncoder().encode(JSON.stringify(get("t"))),
    { action: "dance", topic: "t" },
    { action: null, topic: "t" },
    { topic: "t" },
    { action: "put", topic: "t" },
    { action: "put", topic: "t", message: ["one"] },
    { action: "put", topic: "t", message: { one: 1 } },
    { action: "put", topic: null, message: "one" },
    { action: "put", topic: ["t"], message: "one" },
    '{"action": "put", "topic": NaN, "message": "one"}',
    '{"action": "put", "topic": "t", "message": [NaN]}',
    '{"action": "put", "topic": "t", "message": NaN5}',
    { action: "put", message: "one" },
    { action: "put", topic: "t", message: "x".repeat(1_000_000) },
    [{ action: "put", topic: "t" }, { action: "dance" }],
    { action: "hello" },
    { action: "get_wait", topic: "t" },
    { action: "cancel", wait: 1 },
    { action: "subscribe", topic: "t", messages: 1, bytes: 100 },
    { action: "credit", sub: 1, messages: 1, bytes: 100 },
    { action: "unsubscribe", sub: 1 },
    { action: "topics" },
    { action: "shutdown", topic: "" },
  ];
  for (const [i, frame] of unanswered.entries()) {
    client.send(frame);
    client.send(put("t", `after ${i}`));
    assertEquals(await requestText(client, get("t")), `{"message":"after ${i}"}`);
  }
  assertEquals(client.unread, []);
});

Deno.test("errors that dsmq 1.x is not told are counted, and logged at most once a second", async () => {
  const clock = new ManualClock();
  const warnings: string[] = [];
  const log = { ...quiet, warn: (text: string) => void warnings.push(text) };
  await using server = await openServer({ clock, log });
  await using client = await RawClient.open(server.url);
  for (let i = 0; i < 100; i++) client.send("{");
  assertEquals(await requestText(client, get("t")), '{"message":""}');
  assertEquals(server.stats().refused, 100);
  assertEquals(warnings.length, 1);
  clock.advance(1000);
  assertEquals(warnings.length, 2);
  clock.advance(10_000);
  assertEquals(warnings.length, 2);
});

Deno.test("a client of dsmq 1.x that is silent for a day receives nothing, and is still served", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock });
  await using client = await RawClient.open(server.url);
  await using other = await RawClient.open(server.url);
  client.send(put("t", "one"));
  assertEquals(await requestText(client, get("t")), '{"message":"one"}');
  clock.advance(86_400_000);
  other.send(put("t", "two"));
  assertEquals(await requestText(other, getLatest("t")), '{"message":"two"}');
  assertEquals(await requestText(client, get("t")), '{"message":"two"}');
  assertEquals(client.unread, []);
});

Deno.test("a shutdown by dsmq 1.x without permission has no answer, and the server goes on", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  client.send({ action: "shutdown", topic: "" });
  client.send(put("t", "still here"));
  assertEquals(await requestText(client, get("t")), '{"message":"still here"}');
  assertEquals(client.unread, []);
  await using another = await RawClient.open(server.url);
  assertEquals(await requestText(another, get("t")), '{"message":""}');
});

Deno.test("a shutdown by dsmq 1.x with permission stops the server, which tells every client", async () => {
  await using server = await openServer({ allowShutdown: true });
  await using client = await RawClient.open(server.url);
  await using bystander = await RawClient.open(server.url);
  client.send(put("t", "one"));
  client.send(get("t"));
  client.send({ action: "shutdown", topic: "" });
  assertEquals((await client.closed).code, 1012);
  assertEquals((await bystander.closed).code, 1012);
  await server.finished;
  assertEquals([client.unread, bystander.unread], [['{"message":"one"}'], []]);
});

Deno.test("pipelined frames of dsmq 1.x are answered in order, each get with one object", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const expected: string[] = [];
  for (let i = 0; i < 500; i++) {
    client.send(put("t", `${i}`));
    client.send(get("t"));
    expected.push(`{"message":"${i}"}`);
    if (i % 5 === 0) {
      client.send(get("empty"));
      expected.push('{"message":""}');
    }
    if (i % 7 === 0) client.send("}{");
  }
  for (const reply of expected) assertEquals(await client.nextText(), reply);
  assert((await requestText(client, get("\n"))).startsWith('{"message":"","error":{'));
  assertEquals(client.unread, []);
});
