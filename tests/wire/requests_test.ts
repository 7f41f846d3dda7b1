/**
 * What our own clients send over the wire: ids, arrays, lists of messages, `hello` and `shutdown`.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

const put = (id: number, topic: string, body: unknown) => ({
  action: "put",
  id,
  topic,
  body,
});
const get = (id: number, topic: string) => ({ action: "get", id, topic });

Deno.test("a request with an id has one answer, which carries the id", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock });
  await using client = await RawClient.open(server.url);
  assertEquals(await client.request(put(0, "t", "one")), { id: 0, seq: 1 });
  assertEquals(await client.request(put(2 ** 53 - 1, "t", "two")), { id: 2 ** 53 - 1, seq: 2 });
  const time = clock.now();
  assertEquals(
    await client.request(get(3, "t")),
    { id: 3, body: "one", seq: 1, time, through: 1 },
  );
  assertEquals(
    await client.request({ action: "get_latest", id: 4, topic: "t" }),
    { id: 4, body: "two", seq: 2, time, through: 2 },
  );
  assertEquals(await client.request(get(5, "t")), { id: 5, body: "", through: 2 });
  assertEquals(await client.request({ action: "unsubscribe", id: 6, sub: 9 }), { id: 6 });
  assertEquals(await client.request({ action: "cancel", id: 7, wait: 9 }), { id: 7 });
  assertEquals(await client.request({ action: "credit", id: 8, sub: 9 }), { id: 8 });
  assertEquals(client.unread, []);
});

Deno.test("an empty message differs from no message by its sequence number", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  await client.request(put(1, "t", ""));
  const read = await client.request(get(2, "t"));
  assertEquals([read.body, read.seq], ["", 1]);
  const none = await client.request(get(3, "t"));
  assertEquals([none.body, "seq" in none], ["", false]);
});

Deno.test("an id is free again once its request is answered", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  for (const seq of [1, 2, 3]) assertEquals(await client.request(put(1, "t", "m")), { id: 1, seq });
  for (const seq of [1, 2, 3]) assertEquals((await client.request(get(1, "t"))).seq, seq);
});

Deno.test("an array of requests runs in order, and is answered in order by an array", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  client.send([get(1, "t"), put(2, "t", "one"), get(3, "t"), put(4, "u", "two"), get(5, "t")]);
  const [empty, first, read, second, rest] = await client.next();
  assertEquals(empty, { id: 1, body: "", through: 0 });
  assertEquals([first, second], [{ id: 2, seq: 1 }, { id: 4, seq: 2 }]);
  assertEquals([read.id, read.body, read.seq], [3, "one", 1]);
  assertEquals(rest, { id: 5, body: "", through: 2 });
});

Deno.test("an array of one request is answered by an array of one", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  assertEquals(await client.request([put(1, "t", "one")]), [{ id: 1, seq: 1 }]);
});

Deno.test("an array that needs no answers gets none", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  client.send([]);
  client.send([{ action: "put", topic: "t", message: "one" }, { action: "dance" }]);
  assertEquals((await client.request(get(1, "t"))).body, "one");
  assertEquals(client.unread, []);
});

Deno.test("requests without an id in an array are answered as in dsmq 1.x, in their place", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const plain = { action: "get", topic: "t" };
  client.send([{ action: "put", topic: "t", message: 5.5 }, plain, get(1, "t"), plain]);
  assertEquals(
    await client.next(),
    [{ message: "5.5" }, { id: 1, body: "", through: 1 }, { message: "" }],
  );
});

Deno.test("among consecutive puts only the invalid ones fail, and the others get consecutive numbers", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  await using other = await RawClient.open(server.url);
  const invalid = [
    { ...put(2, "t", "x"), topic: "" },
    put(3, "t", 5),
    put(5, "t", "x".repeat(1_000_000)),
    { action: "dance", id: 6 },
    7,
  ];
  client.send([
    put(1, "t", "one"),
    ...invalid.slice(0, 2),
    put(4, "u", "two"),
    ...invalid.slice(2),
    put(8, "t", "three"),
    { action: "put", id: 9, topic: "u", bodies: ["4", "5"] },
  ]);
  const replies = await client.next();
  assertEquals(
    // deno-lint-ignore no-explicit-any -- a test looks at what it expects
    replies.map(({ id, seq, seqs, error }: any) => [id, seq ?? seqs ?? error.code]),
    [
      [1, 1],
      [2, "bad_topic"],
      [3, "bad_message"],
      [4, 2],
      [5, "too_large"],
      [6, "unknown_action"],
      [8, 3],
      [9, [4, 5]],
    ],
  );
  for (const [topic, messages] of [["t", ["one", "three"]], ["u", ["two", "4", "5"]]] as const) {
    for (const message of messages) {
      assertEquals((await other.request(get(1, topic))).body, message);
    }
    assertEquals("seq" in await other.request(get(2, topic)), false);
  }
});

Deno.test("a request may put many messages to one topic, and each gets a number", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const many = { action: "put", topic: "t" };
  assertEquals(
    await client.request({ ...many, id: 1, bodies: ["one", "two", "three"] }),
    { id: 1, seqs: [1, 2, 3] },
  );
  assertEquals(await client.request({ ...many, id: 2, bodies: ["four"] }), { id: 2, seqs: [4] });
  assertEquals(await client.request({ ...many, id: 3, bodies: [] }), { id: 3, seqs: [] });
  client.send({ ...many, bodies: ["five", "six"] });
  for (const message of ["one", "two", "three", "four", "five", "six"]) {
    assertEquals((await client.request(get(4, "t"))).body, message);
  }
});

Deno.test("a list with one bad message is refused as a whole, and nothing of it is stored", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const cases = [
    [{ bodies: ["good", 5] }, "bad_message"],
    [{ bodies: ["good", null] }, "bad_message"],
    [{ bodies: ["good", "x".repeat(1_000_000)] }, "too_large"],
    [{ bodies: "good" }, "bad_message"],
    [{ bodies: { length: 0 } }, "bad_message"],
    [{ body: "good", bodies: ["good"] }, "bad_message"],
  ] as const;
  for (const [fields, code] of cases) {
    const { id, error } = await client.request({ action: "put", id: 1, topic: "t", ...fields });
    assertEquals([id, error.code], [1, code]);
  }
  assertEquals(await client.request(get(2, "t")), { id: 2, body: "", through: 0 });
});

Deno.test("a put with an id says what its body must be, and does not know the field of dsmq 1.x", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const cases = [
    [{ body: 5 }, '"body" must be a string, got a number'],
    [{ message: "m" }, '"body" must be a string, got nothing'],
    [{ messages: ["m"] }, '"body" must be a string, got nothing'],
    [{ bodies: "m" }, '"bodies" must be an array, got a string'],
    [{ bodies: ["m", null] }, 'each of "bodies" must be a string, got null'],
    [{ body: "m", bodies: ["m"] }, 'it must have "body" or "bodies", got both'],
  ] as const;
  for (const [fields, sentence] of cases) {
    assertEquals(await client.request({ action: "put", id: 1, topic: "t", ...fields }), {
      id: 1,
      error: { code: "bad_message", message: `Invalid put request: ${sentence}` },
    });
  }
  assertEquals(await client.request({ ...put(2, "t", "m"), message: 5 }), { id: 2, seq: 1 });
  // Without an id it is the other way round.
  client.send({ action: "put", topic: "t", body: "m" });
  client.send({ action: "put", topic: "t", message: "m", body: 5 });
  assertEquals(await client.request(put(3, "t", "m")), { id: 3, seq: 3 });
});

Deno.test("hello states the server, where this connection starts, and its limits", async () => {
  await using server = await openServer({ retention: 1234, limits: { messageBytes: 5678 } });
  await using early = await RawClient.open(server.url);
  const welcome = await early.request({ action: "hello", id: 1, protocol: 1 });
  assertEquals(
    { ...welcome, server: "", store: "", epoch: "", time: 0 },
    {
      id: 1,
      protocol: 1,
      server: "",
      store: "",
      epoch: "",
      start: 0,
      last: 0,
      floor: 0,
      time: 0,
      durability: "memory",
      retention: 1234,
      limits: {
        messageBytes: 5678,
        topicBytes: 256,
        frameRequests: 16_384,
        inFlight: 16_384,
        inFlightBytes: 8 * 1024 * 1024,
        waits: 10_000,
        subscriptions: 1_000,
        cursors: 100_000,
        creditMessages: 1_000_000,
        creditBytes: 256 * 1024 * 1024,
        heldJobs: 16_384,
        attempts: 100,
        lease: 3_600_000,
        jobTimeout: 86_400_000,
      },
    },
  );
  assertMatch(welcome.server, /^dsmq\/\d+\.\d+\.\d+/);
  assertNotEquals(welcome.epoch, "");
  await early.request(put(2, "t", "one"));
  await using late = await RawClient.open(server.url);
  await early.request(put(3, "t", "two"));
  const again = await late.request({ action: "hello", id: 1 });
  assert(again.time >= welcome.time, "the store's time goes on");
  assertEquals(again, { ...welcome, start: 1, last: 2, time: again.time });
});

Deno.test("hello may be sent at any time, and again", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  await client.request(put(1, "t", "one"));
  client.send([get(2, "t"), { action: "hello", id: 3 }, get(4, "t"), { action: "hello", id: 5 }]);
  const replies = await client.next();
  assertEquals([replies[1].id, replies[3].id, replies[3].start], [3, 5, 0]);
});

Deno.test("another history has another epoch", async () => {
  await using one = await openServer();
  await using two = await openServer();
  await using first = await RawClient.open(one.url);
  await using second = await RawClient.open(two.url);
  const hello = { action: "hello", id: 1 };
  assertNotEquals((await first.request(hello)).epoch, (await second.request(hello)).epoch);
});

Deno.test("a hello of a version that the server does not support is refused, and the connection stays open", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  for (const protocol of [0, 2, "1", null, 1.5]) {
    const { id, error } = await client.request({
      action: "hello",
      id: 1,
      protocol,
      since: "start",
    });
    assertEquals([id, error.code], [1, "bad_request"]);
    assertMatch(error.message, /protocol/);
  }
  assertEquals((await client.request({ action: "hello", id: 2, protocol: 1 })).protocol, 1);
});

Deno.test("a shutdown without permission is refused, and the server goes on", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const { id, error } = await client.request({ action: "shutdown", id: 1 });
  assertEquals([id, error.code], [1, "permission_denied"]);
  assertEquals(await client.request(put(2, "t", "one")), { id: 2, seq: 1 });
});

Deno.test("a shutdown with permission is answered, ends waiting requests with an error, and closes all connections", async () => {
  await using server = await openServer({ allowShutdown: true });
  await using client = await RawClient.open(server.url);
  await using waiting = await RawClient.open(server.url);
  waiting.send({ action: "get_wait", id: 1, topic: "t" });
  waiting.send({ action: "subscribe", id: 2, topic: "t", messages: 9, bytes: 999 });
  assertEquals(await waiting.next(), { id: 2, sub: 2, start: 0, through: 0 });
  assertEquals(await client.request({ action: "shutdown", id: 3 }), { id: 3 });
  const { id, error } = await waiting.next();
  assertEquals([id, error.code], [1, "shutting_down"]);
  assertMatch(error.message, /the server is stopping/);
  assertEquals((await waiting.closed).code, 1012);
  assertEquals((await client.closed).code, 1012);
  await server.finished;
  assert(client.unread.length === 0 && waiting.unread.length === 0);
});
