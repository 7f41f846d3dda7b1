/**
 * Subscriptions to topics of values, and what they do with a value that does not fit.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as z from "zod";
import { type Connection, isDsmqError } from "@dsmq/server";
import { connected, functionSchema, issuesOf } from "../support/typed_topics.ts";
import { as } from "../support/untyped.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** The same validator, with and without a wait. */
const SCHEMAS = {
  "a validator": z.number(),
  "an asynchronous validator": z.number().refine(async () => await Promise.resolve(true)),
};

async function put(mq: Connection, ...texts: string[]): Promise<void> {
  for (const text of texts) await mq.put("t", text);
}

for (const [name, schema] of Object.entries(SCHEMAS)) {
  Deno.test(`with ${name} a loop that a value ended goes on behind it`, async () => {
    await using context = await connected();
    const { mq } = context;
    await using stream = mq.topic("t", schema).subscribe();
    await put(mq, "1", '"two"', "3", "no JSON", "5");
    const seen: unknown[] = [];
    while (seen.at(-1) !== 5) {
      try {
        for await (const { value } of stream) {
          seen.push(value);
          if (value === 5) break;
        }
      } catch (error) {
        assert(isDsmqError(error, "invalid_value"));
        seen.push(error.received?.body);
      }
    }
    assertEquals(seen, [1, '"two"', 3, "no JSON", 5]);
    // The loop that was left has ended the subscription.
    assertEquals(await stream.next(), { done: true, value: undefined });
  });

  Deno.test(`with ${name} a function is given what does not fit, and the loop goes on`, async () => {
    await using context = await connected();
    const { mq } = context;
    const given: unknown[] = [];
    await using stream = mq.topic("t", schema).subscribe({
      onInvalid: (error, message) => void given.push([error.code, message.body]),
    });
    // Some before anybody asks, some while the loop waits.
    await put(mq, '"a"', '"b"', "1");
    assertEquals((await stream.next()).value?.value, 1);
    const next = stream.next();
    await put(mq, '"c"', '"d"', "2");
    assertEquals((await withTimeout(next)).value?.value, 2);
    assertEquals(given, ["a", "b", "c", "d"].map((text) => ["invalid_value", `"${text}"`]));
  });

  Deno.test(`with ${name} calls of next that overlap are answered in order`, async () => {
    await using context = await connected();
    const { mq } = context;
    await using stream = mq.topic("t", schema).subscribe({ onInvalid: () => {} });
    const calls = Array.from({ length: 4 }, () => stream.next());
    await put(mq, '"a"', "1", '"b"', "2", "3", "4");
    const values = await withTimeout(Promise.all(calls));
    assertEquals(values.map(({ value }) => value?.value), [1, 2, 3, 4]);
  });
}

Deno.test("a promise of the function is awaited before the loop goes on", async () => {
  await using context = await connected();
  const { mq } = context;
  const dead = mq.topic("dead");
  await using stream = mq.topic("t", z.number()).subscribe({
    onInvalid: async ({ issues }, { body }) => {
      await dead.put({ body, issues: issues.length });
    },
  });
  await put(mq, '"a"', "1");
  assertEquals((await withTimeout(stream.next())).value?.value, 1);
  assertEquals((await dead.read())?.value, { body: '"a"', issues: 1 });
});

Deno.test("what the function throws ends the loop, and the next one goes on", async () => {
  await using context = await connected();
  const { mq } = context;
  for (
    const fail of [
      () => {
        throw new Error("mine");
      },
      () => Promise.reject(new Error("mine")),
    ]
  ) {
    await using stream = mq.topic("t", z.number()).subscribe({ onInvalid: fail });
    await put(mq, '"a"', "1");
    await assertRejects(() => withTimeout(stream.next()), Error, "mine");
    assertEquals((await stream.next()).value?.value, 1);
  }
});

Deno.test("a subscription to values ends as one to texts does", async () => {
  await using context = await connected();
  const { mq } = context;
  const control = new AbortController();
  const aborted = mq.topic("t").subscribe({ signal: control.signal });
  const waiting = aborted.next().catch((error: unknown) => error);
  control.abort("enough");
  assertEquals(await withTimeout(waiting), "enough");
  const left = mq.topic("t").subscribe();
  assertEquals(await left.return!(), { done: true, value: undefined });
  assertEquals(await left.next(), { done: true, value: undefined });
  const open = mq.topic("t").subscribe();
  const last = open.next();
  await mq.close();
  assertEquals(await withTimeout(last), { done: true, value: undefined });
});

Deno.test("a validator that is under way when the subscription ends keeps nobody waiting", async () => {
  await using context = await connected();
  const { mq } = context;
  const never = functionSchema<number>(() => new Promise(() => {}));
  const stream = mq.topic("t", never).subscribe();
  await put(mq, "1");
  void stream.next();
  await withTimeout(stream.return!());
});

Deno.test("where a subscription starts and what it does at a gap are the options of any subscription", async () => {
  await using context = await connected();
  const { mq } = context;
  const topic = mq.topic("t", z.number());
  await put(mq, "1", "2", "3");
  const values: number[] = [];
  for await (const { value, topic: name } of topic.subscribe({ since: "start", onGap: "oldest" })) {
    values.push(value);
    assertEquals(name, "t");
    if (value === 3) break;
  }
  assertEquals(values, [1, 2, 3]);
});

Deno.test("options that an object inherits count, as for any subscription", async () => {
  await using context = await connected();
  const { mq } = context;
  await put(mq, "1", "no JSON", "2");
  const { signal } = new AbortController();
  const onInvalid = () => {};
  const defaults = { since: "start", onGap: "oldest", signal, onInvalid } as const;
  const values: unknown[] = [];
  for await (const { value } of mq.topic("t").subscribe(Object.create(defaults))) {
    values.push(value);
    if (value === 2) break;
  }
  assertEquals(values, [1, 2]);
  const aborted = Object.create({ signal: AbortSignal.abort("enough") });
  assertEquals(thrownBy(() => mq.topic("t").subscribe(aborted)), "enough");
});

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
}

Deno.test("what is given to topic besides a name and a schema is refused, not ignored", async () => {
  await using context = await connected();
  const mq = as(context.mq);
  for (
    const [extra, got] of [
      [{ onInvalid: () => {} }, "an object"],
      [null, "null"],
      ["throw", '"throw"'],
      [z.number(), "an object"],
    ]
  ) {
    const sentence = `Cannot use topic: topic takes a name and a schema, got ${got} besides`;
    assertThrows(() => mq.topic("t", z.number(), extra), TypeError, sentence);
  }
  assertThrows(
    () => mq.topic("t", { onInvalid: "throw" }),
    TypeError,
    "Cannot use topic: schema must be a Standard Schema",
  );
});

Deno.test("a wrong onInvalid has one sentence", async () => {
  await using context = await connected();
  const topic = context.mq.topic("t");
  for (
    const [given, ErrorClass, got] of [
      ["skip", RangeError, '"skip"'],
      [null, TypeError, "null"],
      [5, TypeError, "5"],
      [{}, TypeError, "an object"],
    ] as const
  ) {
    const sentence = `Cannot subscribe: onInvalid must be "throw" or a function, got ${got}`;
    assertThrows(() => topic.subscribe({ onInvalid: as(given) }), ErrorClass, sentence);
  }
  assertThrows(
    () => topic.subscribe(as(null)),
    TypeError,
    "Cannot subscribe: options must be an object",
  );
  assertThrows(
    () => topic.subscribe(as({ until: 5 })),
    TypeError,
    'Cannot subscribe: there is no option "until" (there are: since, onGap, signal, onInvalid)',
  );
  assertEquals(await issuesOf(topic.put(1)), "none");
});
