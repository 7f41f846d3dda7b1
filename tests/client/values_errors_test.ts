/**
 * The errors of topics of values: what they carry, and whose stack.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { DsmqError, isDsmqError } from "@dsmq/server";
import { connected, functionSchema } from "../support/typed_topics.ts";
import { as } from "../support/untyped.ts";
import { withTimeout } from "../support/with_timeout.ts";

Deno.test("a text that is no JSON is an error at the reader, which carries the message; the next read goes on", async () => {
  await using context = await connected();
  const { mq } = context;
  const topic = mq.topic("t");
  const texts = ["", " ", "nope", "{", "[1,]", "NaN", "undefined", "'a'", "\ufeff1", "1 2"];
  for (const text of texts) {
    const seq = await mq.put("t", text);
    const error = await topic.read().catch((error: unknown) => error);
    assert(isDsmqError(error, "invalid_value"), text);
    assertEquals([error.received?.body, error.received?.seq], [text, seq]);
    assert(
      error.message.startsWith(
        `Cannot read message ${seq}: its value does not fit: must be JSON, got `,
      ),
    );
    assertEquals(text === "" || error.cause instanceof SyntaxError, true);
  }
  await topic.put("after");
  assertEquals((await topic.read())?.value, "after");
  // What dsmq 1.x puts as None is the text "null", as for every reader but those of dsmq 1.x.
  await mq.put("t", "null");
  assertEquals((await topic.read())?.value, null);
  assertEquals(await topic.read(), undefined);
});

Deno.test("the text of a message stays out of what is printed of its error", async () => {
  await using context = await connected();
  await context.mq.put("t", "a secret");
  const error = await context.mq.topic("t").read().catch((error: unknown) => error);
  assert(isDsmqError(error, "invalid_value") && error.received?.body === "a secret");
  assert(!Object.keys(error).includes("received"));
});

Deno.test("the errors of values carry the caller's stack", async () => {
  await using context = await connected();
  const { mq } = context;
  const topic = mq.topic("t");
  const calls: Readonly<Record<string, () => Promise<unknown>>> = {
    async puts() {
      await topic.put(as(NaN));
    },
    async putsMany() {
      await topic.putMany([as(NaN)]);
    },
    async reads() {
      await topic.read();
    },
    async readsWaiting() {
      await topic.read({ wait: 5000 });
    },
    async loops() {
      for await (const message of topic.subscribe({ since: "start" })) assert(message);
    },
  };
  for (const [name, call] of Object.entries(calls)) {
    await mq.put("t", "no JSON");
    const error = await withTimeout(call()).catch((error: unknown) => error);
    assert(isDsmqError(error, "invalid_value"), `${error}`);
    assert(
      new RegExp(`at (async )?(Object\\.)?${name}\\b`).test(error.stack!),
      `${name}: ${error.stack}`,
    );
  }
});

Deno.test("a schema whose output cannot be compared has not accepted the value, and what was thrown is the cause", async () => {
  await using context = await connected();
  const thrown = new Error("of the output");
  const thrower = () => {
    throw thrown;
  };
  const circle: { self?: object } = {};
  circle.self = { circle };
  for (
    const output of [
      () => ({ toJSON: thrower }),
      () => Object.defineProperty({}, "a", { get: thrower, enumerable: true }),
      () => structuredClone(circle),
    ]
  ) {
    for (const schema of [() => ({ value: output() }), async () => ({ value: await output() })]) {
      const topic = context.mq.topic("t", functionSchema<unknown>(schema));
      // JSON changes a date, so its readers' output is compared with this one.
      for (const put of [topic.put(new Date(0)), topic.putMany([new Date(0)])]) {
        const error = await put.catch((error) => error);
        assert(isDsmqError(error, "invalid_value"), `${error}`);
        assert(error.cause === thrown || error.cause instanceof RangeError, `${error.cause}`);
      }
    }
  }
  assertEquals(await context.mq.get("t"), "");
});

Deno.test("a read whose value is being validated when the connection ends says that it cannot read", async () => {
  await using context = await connected();
  const { mq } = context;
  await mq.put("t", "1");
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const schema = functionSchema<number>(() => {
    begin();
    return new Promise(() => {});
  });
  const read = assertRejects(() => mq.topic("t", schema).read(), DsmqError);
  await begun;
  await mq.close();
  const { code, message } = await read;
  assertEquals(code, "closed");
  assert(message.startsWith("Cannot read: no connection to "), message);
});
