/**
 * Input that looks bad and is good, and what bad input could leave behind.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { decodeFrame } from "../support/decode_frame.ts";
import { openServer, quiet } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { DEFAULT_LIMITS } from "../../protocol/limits.ts";

const get = (topic: string) => ({ action: "get", id: 2, topic });

const topics = [
  ["256 bytes of ASCII", "x".repeat(256)],
  ["256 bytes in 128 characters", "é".repeat(128)],
  ["256 bytes in 64 emoji", "😀".repeat(64)],
  ["a space", " "],
  ["the first character after C1", "\u00a0"],
  ["a noncharacter", "\uffff"],
  ["a file path", "../../etc/passwd"],
  ["a piece of SQL", "'; DROP TABLE messages; --"],
  ["a pattern", "%_*?"],
  ["__proto__", "__proto__"],
  ["constructor", "constructor"],
] as const;

for (const [what, topic] of topics) {
  Deno.test(`a topic that is ${what} works like any other`, async () => {
    await using server = await openServer();
    await using client = await RawClient.open(server.url);
    assertEquals(
      await client.request({ action: "put", id: 1, topic, body: "m" }),
      { id: 1, seq: 1 },
    );
    assertEquals((await client.request(get(topic))).body, "m");
    assertEquals("seq" in await client.request(get(`${topic.slice(1)}y`)), false);
    client.send({ action: "put", topic, message: "plain" });
    assertEquals(await client.request({ action: "get", topic }), { message: "plain" });
  });
}

const largest = [
  ["of ASCII", "x".repeat(999_998)],
  ["of two-byte characters", "é".repeat(499_999)],
  ["of line feeds, which need an escape", "\n".repeat(499_999)],
  ["of lone surrogates, which need a longer escape", "\ud800".repeat(166_666) + "xx"],
] as const;

for (const [what, message] of largest) {
  Deno.test(`a message ${what} of 1,000,000 bytes as JSON is stored, and one character more is not`, async () => {
    await using server = await openServer();
    await using client = await RawClient.open(server.url);
    const put = { action: "put", id: 1, topic: "t" };
    const { error } = await client.request({ ...put, body: `${message}x` });
    assertEquals([error.code, error.limit], ["too_large", 1_000_000]);
    assertEquals(await client.request({ ...put, body: message }), { id: 1, seq: 1 });
    assertEquals((await client.request(get("t"))).body, message);
  });
}

Deno.test("the server sets the limit, and hello and the error state it", async () => {
  await using server = await openServer({ limits: { messageBytes: 10 } });
  await using client = await RawClient.open(server.url);
  assertEquals((await client.request({ action: "hello", id: 1 })).limits.messageBytes, 10);
  const put = { action: "put", id: 1, topic: "t" };
  assertEquals(await client.request({ ...put, body: "x".repeat(8) }), { id: 1, seq: 1 });
  const { error } = await client.request({ ...put, body: "x".repeat(9) });
  assertEquals([error.code, error.limit], ["too_large", 10]);
});

Deno.test("fields named __proto__ and constructor are plain unknown fields", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const { id, error } = await client.request(
    '{"id":1,"__proto__":{"action":"put","topic":"t","body":"m"}}',
  );
  assertEquals([id, error.code], [1, "bad_request"]);
  const nobody = await client.request(
    '{"action":"put","id":1,"__proto__":{"topic":"t"},"body":"m"}',
  );
  assertEquals(nobody.error.code, "bad_topic");
  client.send('{"__proto__":{"id":1},"constructor":{"prototype":{"id":1}},"action":"dance"}');
  const polluted = '{"action":"put","topic":"t","message":5,"__proto__":{"message":6,"id":7}}';
  client.send(polluted);
  assertEquals(await client.request({ action: "get", topic: "t" }), { message: "5" });
  assertEquals(({} as Record<string, unknown>).id, undefined);
  assertEquals(client.unread, []);
});

Deno.test("when a field occurs twice, the last one counts", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const frame = '{"action":"dance","action":"put","id":1,"id":2,"topic":"","topic":"t","body":"m"}';
  assertEquals(await client.request(frame), { id: 2, seq: 1 });
  client.send('{"action":"put","topic":"t","message":"x","message":7.0}');
  assertEquals(await client.request({ action: "get", topic: "t" }), { message: "m" });
  assertEquals(await client.request({ action: "get", topic: "t" }), { message: "7.0" });
});

Deno.test("a number that dsmq 1.x puts is stored as it was written next to JSON nested 200,000 deep, and that JSON is refused", async () => {
  const failures: unknown[] = [];
  const log = { ...quiet, error: (...data: unknown[]) => void failures.push(data) };
  await using server = await openServer({ log });
  await using client = await RawClient.open(server.url);
  const closed = client.closed.then(({ code }) => `closed with ${code}`);
  const deep = "[".repeat(200_000) + "]".repeat(200_000);
  client.send(`{"action":"put","topic":"t","message":4.0,"more":${deep}}`);
  client.send(`[{"action":"put","topic":"t","message":5.0},${deep}]`);
  client.send({ action: "put", topic: "t", message: "next" });
  for (const expected of ["5.0", "next"]) {
    client.send({ action: "get", topic: "t" });
    assertEquals(await Promise.race([client.nextText(), closed]), `{"message":"${expected}"}`);
  }
  assertEquals(failures, []);
});

Deno.test("no character of a frame is parsed twice, whatever the frame contains", () => {
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  const puts = Array.from({ length: 10_000 }, () => '{"action":"put","topic":"t","message":1.0}');
  const gets = Array.from({ length: 20_000 }, () => '{"action":"get","topic":"t"}');
  const { parse } = JSON;
  let characters = 0;
  JSON.parse = (text, reviver) => {
    assertEquals(reviver, undefined);
    characters += text.length;
    return parse(text);
  };
  try {
    for (const items of [puts.slice(0, 50), puts, [...puts, deep], gets, [...puts, ...gets]]) {
      characters = 0;
      const frame = `[${items.join(",")}]`;
      decodeFrame(frame, DEFAULT_LIMITS);
      assert(characters < frame.length + 1000, `${characters} characters of ${frame.length}`);
    }
  } finally {
    JSON.parse = parse;
  }
});
