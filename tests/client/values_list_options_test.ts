/**
 * `putMany` of a topic of values: the attributes of each value, and what is wrong with one of a list.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, isDsmqError, type PutOptions, type TypedTopic } from "@dsmq/server";
import { openServer } from "../support/open_server.ts";
import { ScriptedServer } from "../support/scripted_server.ts";
import { connected, functionSchema } from "../support/typed_topics.ts";
import { as } from "../support/untyped.ts";
import { withTimeout } from "../support/with_timeout.ts";

const ORDERS = [{ id: 1 }, { id: 2 }, { id: 3 }];

/** The attributes of an order: the second has none. */
const attributesOf = ({ id }: { id: number }): PutOptions | undefined =>
  id === 2 ? undefined : { messageId: `order-${id}`, headers: { id: `${id}` } };

Deno.test("each value of a list has the attributes that the function gives, also if there is a schema", async () => {
  await using context = await connected();
  const { mq } = context;
  const schema = functionSchema<{ id: number }>((value) => ({ value: as(value) }));
  const views: Record<string, TypedTopic<{ id: number }>> = {
    plain: as(mq.topic("plain")),
    schema: mq.topic("schema", schema),
  };
  for (const [name, topic] of Object.entries(views)) {
    const seen: unknown[] = [];
    const seqs = await topic.putMany(ORDERS, (order, index) => {
      seen.push([order, index]);
      return attributesOf(order);
    });
    assertEquals(seen, ORDERS.map((order, i) => [order, i]));
    const read: unknown[] = [];
    for (let message; (message = await mq.read(name));) {
      const { seq, body, messageId, headers } = message;
      read.push({ seq, body, messageId, headers });
    }
    assertEquals(
      read,
      ORDERS.map(({ id }, i) => ({
        seq: seqs[i]!,
        body: `{"id":${id}}`,
        messageId: id === 2 ? undefined : `order-${id}`,
        headers: id === 2 ? undefined : { id: `${id}` },
      })),
    );
    // A messageId counts as with put.
    assertEquals(await topic.putMany([ORDERS[0]!], attributesOf), [seqs[0]!]);
    assertEquals(await topic.put(ORDERS[2]!, attributesOf(ORDERS[2]!)), seqs[2]);
  }
});

Deno.test("the function has the type of the values that are given, also where a topic takes any", async () => {
  await using context = await connected();
  const topic = context.mq.topic("t");
  const key = ({ id }: { id: number }) => ({ key: id.toFixed() });
  await topic.putMany(ORDERS, (order) => key(order));
  const numbers = context.mq.topic("t", functionSchema<number>((value) => ({ value: as(value) })));
  await numbers.putMany([1, 2], (value) => ({ key: value.toFixed() }));
  // @ts-expect-error: an order is no number
  await numbers.putMany(ORDERS, key);
  // @ts-expect-error: there is no such attribute
  await assertRejects(() => numbers.putMany([1], () => ({ kye: "a" })), TypeError, "kye");
});

Deno.test("the attributes of a list are those of its values, also after validators that took their time", async () => {
  await using context = await connected();
  const { mq } = context;
  const { promise: accepted, resolve: accept } = Promise.withResolvers<void>();
  const schema = functionSchema<{ id: number }>(async (value) => {
    await accepted;
    return { value: value as { id: number } };
  });
  const headers: Record<string, string> = { a: "1" };
  const put = mq.topic("t", schema).putMany(ORDERS, ({ id }) => ({ key: `k${id}`, headers }));
  // What is sent is what was given.
  headers.a = "2";
  accept();
  assertEquals(await put, [1, 2, 3]);
  const read = [];
  for (let message; (message = await mq.read("t"));) read.push([message.key, message.headers]);
  assertEquals(read, ORDERS.map(({ id }) => [`k${id}`, { a: "1" }]));
});

Deno.test("a list without attributes is sent as one to which no function is given", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const sent = [];
  for (const options of [undefined, () => undefined, () => ({})]) {
    const put = mq.topic("t").putMany([1, 2], options);
    const { id, n: _, ...fields } = await script.next();
    sent.push(fields);
    await script.send({ id, seqs: [2 * sent.length - 1, 2 * sent.length] });
    await put;
  }
  assertEquals(sent, Array(3).fill({ action: "put", topic: "t", bodies: ["1", "2"] }));
});

Deno.test("what is wrong with the attributes of one value is an error that names it, and nothing is sent or validated", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  script.frames.length = 0;
  let validated = 0;
  const schema = functionSchema<number>((value) => {
    validated++;
    return { value: value as number };
  });
  const returns = "options must return an object or undefined at once, for messages[1], got ";
  const wrong: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [{ kye: "a" }, TypeError, 'there is no option "messages[1].kye" (there are: messageId, key,'],
    [{ body: "a" }, TypeError, 'there is no option "messages[1].body"'],
    [{ key: 5 }, TypeError, "messages[1].key must be a string, got a number"],
    [{ key: "" }, RangeError, "messages[1].key must have at least one character"],
    [{ delay: -1 }, RangeError, "messages[1].delay must be whole milliseconds from 0 to "],
    [null, TypeError, `${returns}null`],
    ["a", TypeError, `${returns}"a"`],
    [[], TypeError, `${returns}an array`],
    [Promise.resolve({}), TypeError, `${returns}a promise`],
    [Promise.reject(new Error("mine")), TypeError, `${returns}a promise`],
  ];
  const topic = mq.topic("t", schema);
  for (const [given, ErrorClass, reason] of wrong) {
    const put = () => topic.putMany([1, 2, 3], (value) => value === 2 ? as(given) : undefined);
    await assertRejects(put, ErrorClass, `Cannot put messages: ${reason}`);
  }
  for (const [options, got] of [[{ key: "a" }, "an object"], [[{}], "an array"], [null, "null"]]) {
    await assertRejects(
      () => topic.putMany([1], as(options)),
      TypeError,
      "Cannot put messages: options must be a function that returns those of each value, " +
        `(value, index) => ({ … }), got ${got}`,
    );
  }
  const mine = new Error("mine");
  const error = await assertRejects(() =>
    topic.putMany([1, 2], () => {
      throw mine;
    }), Error);
  assert(error === mine);
  assertEquals([script.frames, validated], [[], 0]);
});

Deno.test("a function that changes the list changes nothing of what is put", async () => {
  await using context = await connected();
  const { mq } = context;
  const values = [1, 2, 3];
  await mq.topic("t").putMany(values, (value, i) => {
    values.length = 1;
    values[0] = 9;
    return { key: `${value} at ${i}` };
  });
  const read = [];
  for (let message; (message = await mq.read("t"));) read.push([message.body, message.key]);
  assertEquals(read, [["1", "1 at 0"], ["2", "2 at 1"], ["3", "3 at 2"]]);
});

Deno.test("a message of a list that is too large is named, in its sentence and by its index", async () => {
  await using server = await openServer({ limits: { messageBytes: 100 } });
  await using mq = await connect(server.url);
  const large = "x".repeat(99);
  const sized = { body: "x".repeat(90), key: "a" };
  const slow = functionSchema<string>((value) => Promise.resolve({ value: value as string }));
  const calls: Record<string, [call: () => Promise<unknown>, bytes: number]> = {
    "of texts": [() => mq.putMany("t", ["a", large, large]), 101],
    "with attributes": [() => mq.putMany("t", ["a", sized]), 103],
    "of values": [() => mq.topic("t").putMany(["a", large]), 105],
    "of values with attributes": [
      () => mq.topic("t").putMany(["a", sized.body], (_, i) => i === 1 ? { key: "a" } : undefined),
      107,
    ],
    "of values that take time": [() => mq.topic("t", slow).putMany(["a", large]), 105],
  };
  for (const [name, [call, bytes]] of Object.entries(calls)) {
    const error = await withTimeout(call().then(() => undefined, (error: unknown) => error));
    assert(isDsmqError(error, "too_large"), name);
    assertEquals([error.index, error.bytes, error.limit, error.topic], [1, bytes, 100, "t"], name);
    const sentence = `messages[1] is ${bytes} bytes as JSON, the limit is 100`;
    assertEquals(error.message, `Cannot put messages: ${sentence}`, name);
  }
  for (const call of [() => mq.put("t", large), () => mq.topic("t").put(large.slice(4))]) {
    const error = await call().then(() => undefined, (error: unknown) => error);
    assert(isDsmqError(error, "too_large") && !("index" in error), "a single one has no index");
    assertEquals(error.message, "Cannot put message: it is 101 bytes as JSON, the limit is 100");
  }
  assertEquals(server.stats().stored, 0);
});
