/**
 * Values that JSON changes, with a schema: what reads back as it was put is stored, and else the error names what does not.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { runInNewContext } from "node:vm";
import * as v from "valibot";
import * as z from "zod";
import { encodeValue } from "../../client/values/json_value.ts";
import { connected, functionSchema, issuesOf } from "../support/typed_topics.ts";
import { as } from "../support/untyped.ts";

/** Gives what it is given, later. */
const later = functionSchema<unknown>((value) => Promise.resolve({ value }));

Deno.test("-0 reads back as it was put, also beside what JSON changes", async () => {
  await using context = await connected();
  const { mq } = context;
  const at = new Date(0);
  const dates = z.object({ at: z.coerce.date(), n: z.number(), list: z.array(z.number()) });
  const sync = mq.topic("t", dates);
  const async = mq.topic("t", dates.refine(() => Promise.resolve(true)));
  for (const topic of [sync, async]) {
    const value = { at, n: -0, list: [0, -0] };
    await topic.put(value);
    await topic.putMany([value]);
    // `assertEquals` tells -0 from 0.
    assertEquals((await topic.read())?.value, value);
    assertEquals((await topic.read())?.value, value);
  }
  const optional = z.object({ o: z.string().optional(), n: z.number() });
  await mq.topic("t", optional).put({ o: undefined, n: -0 });
  assertEquals((await mq.topic("t", optional).read())?.value, { n: -0 });
  await mq.topic("t", v.object({ o: v.optional(v.string()), n: v.number() })).put({
    o: undefined,
    n: -0,
  });
  assertEquals(await mq.get("t"), '{"n":-0}');
  // A toJSON may give it, and an asynchronous validator may take it alone.
  await mq.topic("t", z.unknown().transform(Number)).put({ toJSON: () => -0, valueOf: () => -0 });
  assertEquals(await mq.get("t"), "-0");
  await mq.topic("t", later).put(-0);
  assertEquals(await mq.get("t"), "-0");
});

Deno.test("a plain object reads back as it was put, also without a prototype, beside what JSON changes", async () => {
  await using context = await connected();
  const schema = z.object({ at: z.coerce.date(), any: z.any() });
  const topic = context.mq.topic("t", schema);
  for (const any of [Object.assign(Object.create(null), { a: [-0] }), runInNewContext("[{}]")]) {
    await topic.put({ at: new Date(0), any });
    assertEquals(JSON.stringify((await topic.read())?.value.any), JSON.stringify(any));
  }
});

Deno.test("no text is taken for -0, whatever stands beside it", () => {
  const texts = ["-0", "-00", '"-0', '-0"', '"-0"', "0", ":0,", "a"];
  const text = fc.constantFrom(...texts, '\\"-0');
  // No name has a backslash: V8 15.0 parses `{"a":1,"\"\"":1}` wrongly once it has parsed `{"a":1,"\\\"":1}`.
  const name = fc.constantFrom(...texts);
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(0, -0, 1),
      text,
      fc.array(tie("tree"), { maxLength: 4 }),
      fc.dictionary(name, tie("tree"), { maxKeys: 4, noNullPrototype: true }),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      assertEquals(JSON.parse(encodeValue(value).text!), value);
      const changed = encodeValue([value, undefined, value]);
      assertEquals(JSON.parse(changed.text!), [value, null, value]);
      assertEquals(changed.issues.map(({ path }) => path), [[1]]);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("the error names what reads back differently, not what else JSON changes", async () => {
  await using context = await connected();
  const { mq } = context;
  const at = new Date(5);
  const note = { note: z.string().optional() };
  let count = 0;
  const counted = z.object({ at: z.coerce.date(), ...note })
    .transform((value) => ({ ...value, made: { by: ++count } }));
  assertEquals(await issuesOf(mq.topic("t", counted).put({ note: undefined, at })), [
    "made.by: reads back differently",
  ]);
  const renamed = z.object({ ...note, at: z.any() }).transform(({ at }) => ({ when: at }));
  assertEquals(await issuesOf(mq.topic("t", renamed).put({ note: undefined, at })), [
    "when: reads back differently, as a string instead of a Date",
  ]);
  const sets = z.object({ at: z.coerce.date(), tags: z.array(z.string()) })
    .transform(({ at, tags }) => ({ at, tags: new Set(tags) }));
  assertEquals(await issuesOf(mq.topic("t", sets).put({ at, tags: ["a"] })), [
    "tags: may read back differently: a Set cannot be compared",
  ]);
  // Where JSON changes what differs, that says more. `note` is the same for readers.
  const date = "must be what JSON can hold, got a Date";
  for (const kind of [z.any(), z.date()]) {
    const topic = mq.topic("t", z.object({ ...note, list: z.array(kind), one: kind }));
    const put = topic.put({ note: undefined, list: [1, at].slice(1), one: at });
    assertEquals(await issuesOf(put), [`list.0: ${date}`, `one: ${date}`]);
  }
  assertEquals(await issuesOf(mq.topic("t", later).put({ a: [at, { b: undefined }] })), [
    `a.0: ${date}`,
  ]);
  // A schema that does not say what it refuses.
  const silent = functionSchema<unknown>((value) =>
    Object(value).at instanceof Date ? { value } : { issues: [] }
  );
  assertEquals(await issuesOf(mq.topic("t", silent).put({ at })), [`at: ${date}`]);
  const lists = z.object({ at: z.coerce.date() })
    .transform(({ at }) => ({ at, list: Array(++count).fill(0) }));
  assertEquals(await issuesOf(mq.topic("t", lists).put({ at })), ["list: reads back differently"]);
  const thousand = z.array(z.any()).transform((list) => list.map(() => ++count));
  const many = await issuesOf(mq.topic("t", thousand).put(Array(1000).fill(undefined)));
  assertEquals(many.length, 100);
  assertEquals(await mq.get("t"), "");
});

Deno.test("a deep value that JSON changes is compared in a time that its depth does not double", async () => {
  await using context = await connected();
  let value: unknown = new Date(0);
  for (let i = 0; i < 200; i++) value = { a: value };
  const revive = (key: string, member: unknown) =>
    key === "a" && typeof member === "string" ? new Date(member) : member;
  const topic = context.mq.topic(
    "t",
    functionSchema<unknown>((given) => ({ value: JSON.parse(JSON.stringify(given), revive) })),
  );
  await topic.put(value);
  assert(Deno.inspect((await topic.read())?.value, { depth: 300 }).includes("1970-01-01"));
});

Deno.test("the path of an issue has keys alone, whatever the schema gives as one", async () => {
  await using context = await connected();
  const path = ["a", 1, { key: "b" }, { key: new Date(0) }, { key: Object.create(null) }, {}];
  const schema = functionSchema<unknown>(as(() => ({ issues: [{ message: "m", path }] })));
  assertEquals(await issuesOf(context.mq.topic("t", schema).put(1)), [
    "a.1.b.an object.an object.nothing: m",
  ]);
});
