/**
 * Mistakes and unusual requests of clients of dsmq 1.x, and the answers to them.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer, quiet } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { requests1x, requestText } from "../support/requests_1x.ts";

const { put, get, getLatest } = requests1x;

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
    { action: "credit", sub: 1, messages: -1 },
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
