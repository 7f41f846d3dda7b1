/**
 * Topics of values without a schema: what JSON holds comes out as it went in, and anything else is refused.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { runInNewContext } from "node:vm";
import { connect, isDsmqError, type JsonValue } from "@dsmq/server";
import { JSON_CODEC } from "../../client/values/json_value.ts";
import { connected, issuesOf } from "../support/typed_topics.ts";
import { ScriptedServer } from "../support/scripted_server.ts";
import { as } from "../support/untyped.ts";

Deno.test("a value that JSON holds comes out as it went in", async () => {
  await using context = await connected();
  const topic = context.mq.topic("t");
  const values: JsonValue[] = [
    null,
    true,
    "",
    "null",
    "\0\ud800\u2028é",
    0,
    -0,
    1e-7,
    Number.MAX_VALUE,
    5e-324,
    [],
    {},
    [[], [-0, [1]]],
    { a: { b: [{ "c d": -0, '"': "\n", e: false }] } },
    { "": 1, "1": 2, constructor: 3, toString: null, then: "no promise" },
    JSON.parse('{"__proto__":{"a":1}}'),
  ];
  for (const value of values) {
    await topic.put(value);
    const message = await topic.read();
    assertEquals(message?.value, value, JSON.stringify(value));
  }
  const [, negative] = [await topic.put([-0, { a: -0 }]), (await topic.read())?.value];
  assert(Object.is((negative as number[])[0], -0) && Object.is(as(negative)[1].a, -0));
});

Deno.test("any JSON value comes out as it went in", async () => {
  await using context = await connected();
  const topic = context.mq.topic("t");
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.jsonValue({ stringUnit: "binary" }), { minLength: 1 }),
      async (values) => {
        await topic.putMany(as(values));
        for (const value of values) assertEquals((await topic.read())?.value, as(value));
      },
    ),
    { numRuns: 100 },
  );
});

Deno.test("whatever a program puts comes out as it went in, or is refused", () => {
  const anything = fc.anything({
    withBigInt: true,
    withBoxedValues: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
    stringUnit: "binary",
    maxDepth: 4,
  });
  let [held, refused] = [0, 0];
  fc.assert(
    fc.property(anything, (value) => {
      const encoded = JSON_CODEC.encode(as(value));
      if (typeof encoded === "string") {
        assertEquals(JSON.parse(encoded), value);
        held++;
      } else refused++;
    }),
    { numRuns: 5000 },
  );
  assert(held > 100 && refused > 100, `${held} held, ${refused} refused`);
});

Deno.test("a plain object of another realm, or without a prototype, is a value like any other", async () => {
  await using context = await connected();
  const topic = context.mq.topic("t");
  for (
    const value of [
      runInNewContext("({ a: [1, { b: 2 }] })"),
      Object.assign(Object.create(null), { a: [1, { b: 2 }] }),
    ]
  ) {
    await topic.put(value);
    assertEquals((await topic.read())?.value, { a: [1, { b: 2 }] });
  }
});

class Money {
  amount = 5;
}

/** Gives a value a `toJSON` that its names do not show. */
function hiddenToJson<T extends object>(value: T): T {
  return Object.defineProperty(value, "toJSON", { value: () => "something else" });
}

/** What JSON leaves out, changes or cannot write, and what is said of it. */
const INEXACT: readonly (readonly [value: unknown, got: string])[] = [
  [undefined, "undefined"],
  [() => {}, "a function"],
  [Symbol("s"), "a symbol"],
  [5n, "a bigint"],
  [NaN, "NaN"],
  [-Infinity, "-Infinity"],
  [new Date(0), "a Date"],
  [new Date(NaN), "a Date"],
  [new Map([["a", 1]]), "a Map"],
  [new Set([1]), "a Set"],
  [/a/, "a RegExp"],
  [new Uint8Array(2), "a Uint8Array"],
  [new Number(5), "a Number"],
  [Promise.resolve(1), "a promise"],
  [new URL("http://a"), "a URL"],
  [new Money(), "an object of the class Money"],
  [{ toJSON: () => 1 }, "an object with a toJSON of its own"],
  [hiddenToJson({ a: 1 }), "an object with a toJSON of its own"],
  [hiddenToJson([1]), "an array with a toJSON of its own"],
  [Object.create({ inherited: 1 }), "an object with a prototype of its own"],
  [new (class List extends Array {})(), "an array of the class List"],
];

Deno.test("what JSON would leave out, change or cannot write is refused, wherever it is, and nothing is sent", async () => {
  await using context = await connected();
  const { mq } = context;
  const topic = mq.topic("t");
  for (const [value, got] of INEXACT) {
    const message = `must be what JSON can hold, got ${got}`;
    assertEquals(await issuesOf(topic.put(as(value))), [`: ${message}`]);
    assertEquals(await issuesOf(topic.put(as([0, value]))), [`1: ${message}`]);
    assertEquals(await issuesOf(topic.put(as({ a: 1, b: { "c d": value } }))), [
      `b.c d: ${message}`,
    ]);
  }
  // deno-lint-ignore no-sparse-arrays -- a hole becomes null
  assertEquals(await issuesOf(topic.put(as([, 1]))), [
    "0: must be what JSON can hold, got undefined",
  ]);
  assertEquals(await mq.get("t"), "");
});

Deno.test("a value in itself, or nested too deep, is refused", async () => {
  await using context = await connected();
  const topic = context.mq.topic("t");
  const circle: { list: unknown[] } = { list: [] };
  circle.list.push(circle);
  assertEquals(await issuesOf(topic.put(as(circle))), ["list.0: must not contain itself"]);
  const shared = { a: 1 };
  assertEquals(await issuesOf(topic.put([shared, shared])), "none");
  let deep: unknown = [];
  for (let i = 0; i < 100_000; i++) deep = [deep];
  assert(
    String(await issuesOf(topic.put(as(deep)))).startsWith(": must be what JSON can hold, but: "),
  );
});

Deno.test("a getter that throws is not hidden, and its error is the cause of none other", async () => {
  await using context = await connected();
  const value = {
    get a(): never {
      throw new Error("not now");
    },
  };
  assertEquals(await issuesOf(context.mq.topic("t").put(value)), [
    ": must be what JSON can hold, but: not now",
  ]);
});

Deno.test("the error says where each thing is that does not fit, and how many more there are", async () => {
  await using context = await connected();
  const value = { a: [{ b: NaN }], "c d": NaN, e: NaN, f: NaN, g: NaN };
  const error = await context.mq.topic("t").put(value).catch((error: unknown) => error);
  assert(isDsmqError(error, "invalid_value"));
  assertEquals(
    error.message,
    "Cannot put message: the value does not fit: a[0].b: must be what JSON can hold, got NaN; " +
      '["c d"]: must be what JSON can hold, got NaN; e: must be what JSON can hold, got NaN; and 2 more',
  );
  assertEquals([error.topic, error.issues.length, error.retryable], ["t", 5, false]);
  assertEquals(error.issues[0]?.path, ["a", 0, "b"]);
  // However many there are, a hundred say enough.
  const many = await context.mq.topic("t").put(Array(1000).fill(NaN)).catch((error) => error);
  assertEquals(many.issues.length, 100);
});

Deno.test("of a list with a value that does not fit nothing is sent, and the error names its index", async () => {
  await using context = await connected();
  const { mq } = context;
  const topic = mq.topic("t");
  const error = await topic.putMany([1, { a: 2 }, as({ b: undefined }), as(5n)]).catch((error) =>
    error
  );
  assert(isDsmqError(error, "invalid_value"));
  assertEquals([error.index, error.issues[0]?.path], [2, ["b"]]);
  assert(error.message.startsWith("Cannot put messages: value 2 does not fit: b: must be"));
  assertEquals(await mq.get("t"), "");
  const seqs = await topic.putMany([1, { a: 2 }]);
  assertEquals([seqs.length, (await topic.read())?.value, (await topic.read())?.value], [2, 1, {
    a: 2,
  }]);
  assertEquals(await topic.putMany([]), []);
});

Deno.test("on the wire a value is the text that JSON.stringify makes", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const value = { a: [1, "é\n"], b: null };
  const put = mq.topic("t").put(value);
  const request = await script.next();
  assertEquals([request.action, request.topic], ["put", "t"]);
  assertEquals([request.body ?? request.bodies?.[0]], [JSON.stringify(value)]);
  await script.send({ id: request.id, seqs: [1] });
  assertEquals(await put, 1);
});

Deno.test("topics of values need no state: all views of a topic share the connection's cursor", async () => {
  await using context = await connected();
  const { mq } = context;
  await mq.topic("t").putMany([1, 2, 3, 4]);
  assertEquals((await mq.topic("t").read())?.value, 1);
  assertEquals((await mq.topic("t").read())?.value, 2);
  assertEquals(await mq.get("t"), "3");
  assertEquals((await mq.topic("t").read({ latest: true }))?.value, 4);
  assertEquals(mq.topic("t").name, "t");
});

Deno.test("a wrong name of a topic has one sentence, and nothing is sent", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  script.frames.length = 0;
  for (
    const [name, ErrorClass, reason] of [
      [undefined, TypeError, "a topic is a string, got nothing"],
      [5, TypeError, "a topic is a string, got a number"],
      ["", RangeError, "a topic has at least one character"],
      ["a\nb", RangeError, "a topic has no control characters"],
      ["é".repeat(129), RangeError, "the topic is 258 bytes, the limit is 256"],
    ] as const
  ) {
    assertThrows(() => mq.topic(as(name)), ErrorClass, `Cannot use topic: ${reason}`);
  }
  const topic = mq.topic("t");
  await assertRejects(
    () => topic.putMany(as("ab")),
    TypeError,
    "they must be an array, got a string",
  );
  await assertRejects(() => topic.put(1, as(5)), TypeError);
  await assertRejects(() => topic.read(as({ mode: "wait" })), TypeError);
  await assertRejects(() => topic.read(as({ until: 5 })), TypeError);
  assertThrows(() => topic.subscribe(as({ until: 5 })), TypeError);
  assertEquals(script.frames, []);
});
