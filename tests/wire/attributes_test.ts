/**
 * Attributes on the wire: given with a put, stored with the message, and delivered where they are, and only there.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

const put = (id: number, fields: object) => ({ action: "put", id, topic: "t", ...fields });
const get = (id: number) => ({ action: "get", id, topic: "t" });

Deno.test("a read has the attributes of its message, in their one form; one without has no field", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock });
  await using client = await RawClient.open(server.url);
  const time = clock.now();
  const attributes = {
    delay: 5,
    headers: { ["__proto__"]: "\ud800" },
    key: "k",
    unknown: 1,
    messageId: "m",
  };
  assertEquals(await client.request(put(1, { body: "one", attributes })), { id: 1, seq: 1 });
  assertEquals(await client.request(put(2, { body: "two" })), { id: 2, seq: 2 });
  assertEquals(await client.request(put(3, { body: "three", attributes: {} })), { id: 3, seq: 3 });
  assertEquals(await client.request(put(4, { body: "four", attributes: null })), { id: 4, seq: 4 });
  void client.send(get(5));
  assertEquals(
    await client.nextText(),
    `{"id":5,"body":"one","seq":1,"time":${time},"attributes":{"messageId":"m","key":"k",` +
      `"headers":{"__proto__":"\\ud800"},"delay":5},"through":1}`,
  );
  for (const [id, body] of [[6, "two"], [7, "three"], [8, "four"]] as const) {
    assertEquals(await client.request(get(id)), { id, body, seq: id - 4, time, through: id - 4 });
  }
});

Deno.test("a list has a list of attributes, and so has a frame of a stream in which a message has some", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock });
  await using client = await RawClient.open(server.url);
  const subscribe = { action: "subscribe", id: 1, topic: "t", messages: 100, bytes: 10_000 };
  await client.request(subscribe);
  const bodies = ["a", "b", "c"];
  void client.send(put(2, { bodies, attributes: [null, { key: "k" }, {}] }));
  const [one, other] = [await client.next(), await client.next()];
  const [stored, streamed] = one.id === 2 ? [one, other] : [other, one];
  assertEquals(stored, { id: 2, seqs: [1, 2, 3] });
  const time = clock.now();
  assertEquals(streamed, {
    ...{ sub: 1, prev: 0, bytes: 9 + '{"key":"k"}'.length, seqs: [1, 2, 3] },
    ...{ times: [time, time, time], bodies, attributes: [null, { key: "k" }, null] },
  });
  void client.send(put(3, { bodies: ["d", "e"], attributes: [null, null] }));
  const plain = [await client.next(), await client.next()].find(({ sub }) => sub === 1);
  assertEquals(plain, {
    sub: 1,
    prev: 3,
    bytes: 6,
    seqs: [4, 5],
    times: [time, time],
    bodies: ["d", "e"],
  });
});

Deno.test("a large message has its attributes behind its body, for reads and for streams, alone and in a batch", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock });
  await using client = await RawClient.open(server.url);
  const body = "x".repeat(300_000);
  const attributes = { headers: { "content-type": "ä" } };
  await client.request(put(1, { body, attributes }));
  const found = { id: 2, seq: 1, time: clock.now(), through: 1, body, attributes };
  assertEquals(await client.request(get(2)), found);
  await using batched = await RawClient.open(server.url);
  await batched.request({ action: "hello", id: 0, since: "start" });
  assertEquals(await batched.request([get(2)]), [found]);
  const subscribe = {
    action: "subscribe",
    id: 3,
    topic: "t",
    since: "start",
    messages: 9,
    bytes: 1e6,
  };
  await client.request(subscribe);
  const { bytes, bodies, attributes: list } = await client.next();
  assertEquals([bodies[0] === body, list], [true, [attributes]]);
  assertEquals(bytes, 300_002 + new TextEncoder().encode(JSON.stringify(attributes)).length);
});

Deno.test("a request whose attributes are invalid is refused as a whole, with what must be and what was seen", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const two = ["a", "b"];
  const wrong: [object, string][] = [
    [{ body: "a", attributes: 5 }, '"attributes" must be an object, got a number'],
    [{ body: "a", attributes: [] }, '"attributes" must be an object, got an array'],
    [{ body: "a", attributes: { key: 1 } }, 'in "attributes", key must be a string, got a number'],
    [
      { bodies: two, attributes: {} },
      '"attributes" must be an array as long as "bodies" (2), got an object',
    ],
    [
      { bodies: two, attributes: [null] },
      '"attributes" must be an array as long as "bodies" (2), got one of 1',
    ],
    [
      { bodies: two, attributes: [null, "k"] },
      '"attributes" must be an object or null for each message, got a string',
    ],
    [
      { bodies: two, attributes: [{}, { delay: -1 }] },
      'in "attributes", delay must be whole milliseconds',
    ],
  ];
  for (const [fields, reason] of wrong) {
    const { id, error } = await client.request(put(7, fields));
    assertEquals([id, error.code], [7, "bad_message"]);
    assertStringIncludes(error.message, `Invalid put request: ${reason}`);
  }
  assertEquals((await client.request(get(8))).body, "", "nothing was stored");
});

Deno.test("body and attributes together are within the limit of a message, and of the credit", async () => {
  await using server = await openServer({ limits: { messageBytes: 40 } });
  await using client = await RawClient.open(server.url);
  const attributes = { key: "k" };
  const room = 40 - 2 - JSON.stringify(attributes).length;
  assertEquals(await client.request(put(1, { body: "x".repeat(room), attributes })), {
    id: 1,
    seq: 1,
  });
  for (
    const fields of [
      { body: "x".repeat(room + 1), attributes },
      { bodies: ["a", "x".repeat(room + 1)], attributes: [null, attributes] },
    ]
  ) {
    const { error } = await client.request(put(2, fields));
    assertEquals([error.code, error.limit], ["too_large", 40]);
  }
  const subscribe = {
    action: "subscribe",
    id: 3,
    topic: "t",
    since: "start",
    messages: 9,
    bytes: 39,
  };
  await client.request(subscribe);
  void client.send({ action: "credit", sub: 3, messages: 9, bytes: 39 });
  assertEquals(
    await client.request({ action: "heartbeat", id: 4 }),
    { id: 4 },
    "it waits for credit",
  );
  void client.send({ action: "credit", sub: 3, messages: 9, bytes: 40 });
  assertEquals((await client.next()).bytes, 40);
});

Deno.test("dsmq 1.x puts ignore the field, and its reads do not show it", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  void client.send({ action: "put", topic: "t", message: "one", attributes: { key: 5 } });
  assertEquals(await client.request({ action: "get", topic: "t" }), { message: "one" });
  const attributes = { key: "k" };
  for (const body of ["two", "x".repeat(300_000)]) {
    await client.request(put(1, { body, attributes }));
    assertEquals(await client.request({ action: "get", topic: "t" }), { message: body });
  }
});

Deno.test("a wait has the attributes of its message", async () => {
  await using server = await openServer();
  await using reader = await RawClient.open(server.url);
  await using putter = await RawClient.open(server.url);
  for (const body of ["one", "x".repeat(300_000)]) {
    void reader.send({ action: "get_wait", id: 1, topic: "t" });
    await putter.request(put(1, { body, attributes: { key: "k" } }));
    const found = await reader.next();
    assertEquals([found.body === body, found.attributes], [true, { key: "k" }]);
  }
});

Deno.test("a large frame has as many attributes as small ones, and one request has at most 4096 fields of them", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const pad = "x".repeat(100_000);
  const headers = (n: number, of: number) =>
    Object.fromEntries(Array.from({ length: n }, (_, i) => [`h${of}-${i}`, ""]));
  // Each of these has names of its own: together far more than a frame may have of others.
  const list = Array.from({ length: 63 }, (_, i) => ({ headers: headers(64, i) }));
  const bodies = [pad, ...Array(63).fill("b")];
  assertEquals(
    (await client.request(put(1, { bodies, attributes: [null, ...list] }))).seqs.length,
    64,
  );
  const more = [...list, { headers: headers(1, 63) }];
  const { error } = await client.request(put(2, { bodies, attributes: more }));
  assertEquals([error.code, error.limit], ["limit_exceeded", 4096]);
  assert(/attributes/.test(error.message), error.message);
  const { error: marks } = await client.request(
    put(3, { body: pad, attributes: { key: "k", unknown: Array(20_000).fill(1) } }),
  );
  assertEquals(marks.code, "limit_exceeded");
  const found = await client.request(put(4, { body: pad, attributes: list[0] }));
  assertEquals(found, { id: 4, seq: 65 });
});

Deno.test("a large frame is announced with its exact size, attributes included, and with what it answers", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const announced = async () => {
    const { ahead, ...named } = await client.next();
    const bytes = new TextEncoder().encode(await client.nextText()).length;
    // A small one is counted with one byte more, as a part of a list.
    assertEquals(ahead, bytes > 1000 ? bytes : bytes + 1);
    return named;
  };
  void client.send({ action: "hello", id: 0, since: "start", frameBytes: 1_000_000 });
  await client.next();
  await client.next();
  const attributes = { key: "\u{1f995}ä", headers: { "ä": "é".repeat(50) } };
  const large = "ä".repeat(150_000);
  void client.send(put(1, { bodies: [large, large], attributes: [attributes, null] }));
  assertEquals(await announced(), { answers: 1 });
  void client.send(get(2));
  assertEquals(await announced(), { answers: 2, through: 1 });
  void client.send([get(3)]);
  assertEquals(await announced(), { answers: 3, through: 2 });
  void client.send({
    action: "subscribe",
    id: 4,
    topic: "t",
    since: "start",
    messages: 9,
    bytes: 9e6,
  });
  assertEquals(await announced(), { answers: 4 });
  for (const through of [1, 2]) assertEquals(await announced(), { sub: 4, through });
});
