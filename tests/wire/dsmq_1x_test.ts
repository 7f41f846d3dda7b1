/**
 * What a client of dsmq 1.x sends over the wire, and what it receives: frames are compared as text.
 *
 * A later request, whose answer comes first, proves that a frame does not come.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { requests1x, requestText } from "../support/requests_1x.ts";

const { put, get, getLatest } = requests1x;

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
      const { body } = await modern.request({ action: "get", id: 1, topic: "t" });
      assertEquals(body, JSON.parse(reply === "null" ? '"null"' : reply));

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
