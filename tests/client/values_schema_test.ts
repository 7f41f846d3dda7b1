/**
 * Topics of values with a schema: both ends validate, with any Standard Schema.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import * as v from "valibot";
import * as z from "zod";
import { isDsmqError } from "@dsmq/server";
import { until } from "../support/bridge.ts";
import { connected, functionSchema, issuesOf } from "../support/typed_topics.ts";
import { as } from "../support/untyped.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** One form of values, as three libraries describe it. */
const SCHEMAS = {
  zod: z.object({ id: z.string(), count: z.number().int() }),
  valibot: v.object({ id: v.string(), count: v.pipe(v.number(), v.integer()) }),
  "a function, as arktype's": functionSchema<{ id: string; count: number }>((value) => {
    const { id, count } = Object(value);
    return typeof id === "string" && Number.isInteger(count)
      ? { value: { id, count } }
      : { issues: [{ message: "must be an order" }] };
  }),
  "zod, asynchronous": z.object({ id: z.string(), count: z.number().int() })
    .refine(async ({ id }) => await Promise.resolve(id !== "")),
  "valibot, asynchronous": v.pipeAsync(
    v.object({ id: v.string(), count: v.pipe(v.number(), v.integer()) }),
    v.checkAsync(async ({ id }) => await Promise.resolve(id !== "")),
  ),
};

for (const [name, schema] of Object.entries(SCHEMAS)) {
  Deno.test(`both ends validate with ${name}`, async () => {
    await using context = await connected();
    const { mq } = context;
    const orders = mq.topic("orders", schema);
    await orders.put({ id: "a", count: 1 });
    assertEquals((await orders.read())?.value, { id: "a", count: 1 });
    const wrong = [{ id: "a" }, { id: "a", count: 1.5 }, { id: 5, count: 1 }, "a", null];
    for (const value of wrong) {
      assert((await issuesOf(orders.put(as(value)))).length > 0);
      assert((await issuesOf(orders.putMany(as([{ id: "a", count: 1 }, value])))).length > 0);
    }
    assertEquals(await orders.read(), undefined);
    for (const value of wrong) {
      await mq.put("orders", JSON.stringify(value));
      assert((await issuesOf(orders.read())).length > 0);
    }
    await mq.put("orders", "no JSON");
    assert(String(await issuesOf(orders.read())).startsWith(": must be JSON, got "));
    assertEquals(
      await orders.putMany([{ id: "b", count: 2 }]).then(() =>
        orders.read().then((message) => message?.value)
      ),
      {
        id: "b",
        count: 2,
      },
    );
  });
}

Deno.test("the issues of a schema have their paths and messages", async () => {
  await using context = await connected();
  const orders = context.mq.topic(
    "orders",
    z.object({ items: z.array(z.object({ price: z.number("a price is a number") })) }),
  );
  const error = await orders.put(as({ items: [{ price: 1 }, { price: "2" }] })).catch((error) =>
    error
  );
  assert(isDsmqError(error, "invalid_value"));
  assertEquals(error.issues, [{ path: ["items", 1, "price"], message: "a price is a number" }]);
  assertEquals(
    error.message,
    "Cannot put message: the value does not fit: items[1].price: a price is a number",
  );
  const nested = context.mq.topic("t", v.object({ a: v.object({ b: v.string() }) }));
  assertEquals(await issuesOf(nested.put(as({ a: { b: 5 } }))), [
    "a.b: Invalid type: Expected string but received 5",
  ]);
});

Deno.test("what is sent is what was put; its readers get what the schema makes of it", async () => {
  await using context = await connected();
  const { mq } = context;
  const schema = z.object({
    at: z.iso.datetime().transform((text) => new Date(text)),
    length: z.string().transform((text) => text.length),
    count: z.number().default(4),
    tags: z.array(z.string()).transform((tags) => new Set(tags)),
  });
  const topic = mq.topic("t", schema);
  const at = "2026-01-02T03:04:05.678Z";
  await topic.put({ at, length: "four", tags: ["a", "b", "a"] });
  assertEquals((await mq.topic("t").read())?.value, { at, length: "four", tags: ["a", "b", "a"] });
  await topic.put({ at, length: "four", tags: [] });
  const message = await topic.read();
  assertEquals(message?.value, { at: new Date(at), length: 4, count: 4, tags: new Set() });
  // The type is that of the output.
  const [date, length]: [Date, number] = [message!.value.at, message!.value.length];
  assertEquals([date.getTime(), length], [Date.parse(at), 4]);
});

Deno.test("a value that JSON changes may be put if its readers get the same, and else not", async () => {
  await using context = await connected();
  const { mq } = context;
  const at = new Date(5);
  const dates = mq.topic("dates", z.object({ at: z.coerce.date(), note: z.string().optional() }));
  await dates.put({ at });
  assertEquals((await dates.read())?.value, { at });
  await dates.put({ at: "2026-01-02", note: as(undefined) });
  assertEquals((await dates.read())?.value, { at: new Date("2026-01-02") });
  // Its readers would get a text.
  const changed = [": must be what JSON can hold, got a Date"];
  assertEquals(await issuesOf(mq.topic("t", z.any()).put(at)), changed);
  assertEquals(await issuesOf(mq.topic("t", z.date()).put(at)), changed);
  assertEquals(await issuesOf(mq.topic("t", z.unknown()).put(new Map([[1, 2]]))), [
    ": must be what JSON can hold, got a Map",
  ]);
  assertEquals(await issuesOf(mq.topic("t", z.coerce.bigint()).put(5n)), [
    ": must be what JSON can hold, got a bigint",
  ]);
  assertEquals(await issuesOf(mq.topic("t", z.nan()).put(NaN)), [
    ": must be what JSON can hold, got NaN",
  ]);
  assertEquals(await issuesOf(mq.topic("t", z.instanceof(URL)).put(new URL("http://a"))), [
    ": must be what JSON can hold, got a URL",
  ]);
  const url = z.union([z.string(), z.instanceof(URL)]).transform((url) => new URL(url));
  await mq.topic("t", url).put(new URL("http://a/b"));
  assertEquals((await mq.topic("t", url).read())?.value.href, "http://a/b");
  await mq.topic("t", z.coerce.bigint()).put("12345678901234567890");
  assertEquals((await mq.topic("t", z.coerce.bigint()).read())?.value, 12345678901234567890n);
  await mq.topic("t", z.number()).put(-0);
  assert(Object.is((await mq.topic("t", z.number()).read())?.value, -0));
});

Deno.test("a value is sent as it was when it was put, whatever happens to it while it is validated", async () => {
  await using context = await connected();
  const { mq } = context;
  const slow = functionSchema<{ id: string }>(async (value) => {
    const { id } = await Promise.resolve(value as { id: string });
    return id === "good" ? { value: { id } } : { issues: [{ message: `got ${id}` }] };
  });
  const topic = mq.topic("t", slow);
  const value = { id: "good" };
  const put = topic.put(value);
  value.id = "changed";
  await put;
  assertEquals((await topic.read())?.value, { id: "good" });
  const bad = topic.put(value);
  value.id = "good";
  assertEquals(await issuesOf(bad), [": got changed"]);
  // Also if the validator does it.
  const spoiling = functionSchema<object>((value) => {
    Object.assign(value as object, { spoilt: true });
    return { value: value as object };
  });
  await mq.topic("spoilt", spoiling).put(as({ a: 1 }));
  assertEquals(await mq.get("spoilt"), '{"a":1}');
});

Deno.test("a schema that fails itself has not accepted the value, and its error is the cause", async () => {
  await using context = await connected();
  const { mq } = context;
  const failure = new Error("no database");
  const failing = [
    functionSchema<string>(() => {
      throw failure;
    }),
    functionSchema<string>(() => Promise.reject(failure)),
    functionSchema<string>(as(() => undefined)),
  ];
  for (const [i, schema] of failing.entries()) {
    const topic = mq.topic("t", schema);
    await mq.put("t", '"text"');
    for (const call of [topic.put("text"), topic.read()] as Promise<unknown>[]) {
      const error = await withTimeout(call).catch((error: unknown) => error);
      assert(isDsmqError(error, "invalid_value"));
      const reason = i < 2 ? "no database" : "its validate returned nothing";
      assertEquals(error.issues, [{ path: [], message: `the schema failed: ${reason}` }]);
      if (i < 2) assertEquals(error.cause, failure);
    }
  }
});

Deno.test("whatever a validator returns or throws, at once or later, is a value that does not fit", async () => {
  await using context = await connected();
  const { mq } = context;
  const results: [unknown, RegExp][] = [
    [{}, /^the schema failed: its validate returned neither a value nor issues$/],
    [
      { issues: 5 },
      /^the schema failed: its validate returned issues that are a number, not an array$/,
    ],
    ...[
      [null, "an issue that is null, not an object"],
      ["m", "an issue that is a string, not an object"],
      [{}, "an issue whose message is nothing, not a string"],
      [{ message: 5 }, "an issue whose message is a number, not a string"],
      [{ message: Object.create(null) }, "an issue whose message is an object, not a string"],
      [{ message: "m", path: 5 }, "an issue whose path is a number, not an array"],
      [{ message: "m", path: [null] }, "an issue whose path has null, not a key"],
      [{ message: "m", path: ["a", true] }, "an issue whose path has a boolean, not a key"],
    ].map(([issue, what]): [unknown, RegExp] => [
      { issues: [{ message: "m" }, issue] },
      new RegExp(`^the schema failed: its validate returned ${what}$`),
    ]),
  ];
  const schemas: [ReturnType<typeof functionSchema<number>>, RegExp][] = [
    ...results.flatMap(([result, pattern]): typeof schemas => [
      [functionSchema<number>(as(() => result)), pattern],
      [functionSchema<number>(as(() => Promise.resolve(result))), pattern],
    ]),
    // What has no text may be thrown, too.
    [
      functionSchema<number>(() => {
        throw Object.create(null);
      }),
      /^the schema failed: an object$/,
    ],
    [
      functionSchema<number>(() => Promise.reject(Object.create(null))),
      /^the schema failed: an object$/,
    ],
  ];
  for (const [schema, pattern] of schemas) {
    const topic = mq.topic("t", schema);
    await mq.put("t", "1");
    for (const call of [topic.put(1), topic.read()] as Promise<unknown>[]) {
      const error = await withTimeout(call).catch((error: unknown) => error);
      assert(isDsmqError(error, "invalid_value"), String(error));
      assertMatch(error.issues[0]!.message, pattern);
    }
  }
});

Deno.test("a read whose validator never ends ends when its signal aborts", async () => {
  await using context = await connected();
  const { mq } = context;
  const held: ((result: { value: number }) => void)[] = [];
  const schema = functionSchema<number>(() => new Promise((resolve) => held.push(resolve)));
  await mq.putMany("t", ["1", "2"]);
  const control = new AbortController();
  const { signal } = control;
  const read = mq.topic("t", schema).read({ wait: 60_000, signal }).catch((error) => error);
  await until(() => held.length === 1);
  control.abort("enough");
  assertEquals(await withTimeout(read), "enough");
  // It counts as read. A validator that ends in time is waited for.
  const next = mq.topic("t", schema).read({ signal: new AbortController().signal });
  await until(() => held.length === 2);
  held[1]!({ value: 2 });
  assertEquals((await withTimeout(next))?.body, "2");
});

Deno.test("what is no schema has one sentence", async () => {
  await using context = await connected();
  const { mq } = context;
  const sentence =
    "Cannot use topic: schema must be a Standard Schema of version 1 (zod 3.24, valibot 1, arktype 2 or later), got ";
  for (
    const [schema, got] of [
      [undefined, "nothing"],
      [null, "null"],
      ["orders", "a string"],
      [{}, "an object"],
      [() => true, "a function"],
      [{ onInvalid: "throw" }, "an object"],
      [{ "~standard": { version: 2, validate: () => {} } }, "one of version 2"],
      [{ "~standard": { version: 1 } }, "one without a validate"],
      [Promise.resolve(z.string()), "a promise"],
    ] as const
  ) {
    assertThrows(() => mq.topic("t", as(schema)), TypeError, sentence + got);
  }
});

Deno.test("a message of a schema shows no control characters, and is cut", async () => {
  await using context = await connected();
  const schema = functionSchema<string>(() => ({
    issues: [{ message: `\u001b[2J${"x".repeat(10_000)}` }],
  }));
  const error = await context.mq.topic("t", schema).put("a").catch((error) => error);
  assert(error.message.includes("\\u001b[2Jxxx") && error.message.length < 500);
  assertEquals(error.issues[0].message.length, 10_004);
});
