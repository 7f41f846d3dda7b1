/**
 * Calls whose values are being validated: they end, whatever their validators do, and count as long as they wait.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type Connection, DsmqError } from "@dsmq/server";
import { turns, until } from "../support/bridge.ts";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";
import { openServer } from "../support/open_server.ts";
import { ScriptedServer } from "../support/scripted_server.ts";
import { connected, functionSchema } from "../support/typed_topics.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** A validator that never ends, and says when it was called. */
function endless() {
  const called = Promise.withResolvers<void>();
  const schema = functionSchema<number>(() => {
    called.resolve();
    return new Promise<never>(() => {});
  });
  return { schema, called: called.promise };
}

/** How calls wait for a validator, or for a function that is given what does not fit. */
const LOOPS = {
  "a validator": (mq: Connection, options = {}) => {
    const { schema, called } = endless();
    return { stream: mq.topic("t", schema).subscribe({ since: "start", ...options }), called };
  },
  "onInvalid": (mq: Connection, options = {}) => {
    const called = Promise.withResolvers<void>();
    const onInvalid = () => {
      called.resolve();
      return new Promise(() => {});
    };
    const schema = functionSchema<number>(() => ({ issues: [{ message: "no" }] }));
    const stream = mq.topic("t", schema).subscribe({ since: "start", onInvalid, ...options });
    return { stream, called: called.promise };
  },
};

const outcomeOf = (call: Promise<unknown>) =>
  call.catch((error) => error instanceof DsmqError ? `${error.code} of ${error.topic}` : error);
const settled = (call: Promise<unknown>) => withTimeout(outcomeOf(call));

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`a read whose validator never ends rejects when the connection is closed, or ends, or the signal aborts (${transport})`, async () => {
    for (const options of [{}, { wait: 60_000 }, { latest: true }]) {
      const server = await openServer({ transport });
      for (const end of ["abort", "close", "end"]) {
        const mq = await connect(server.url, { reconnect: false, since: "start" });
        await mq.put("t", "1");
        const { schema, called } = endless();
        const controller = new AbortController();
        const signal = end === "abort" ? { signal: controller.signal } : {};
        const read = settled(mq.topic("t", schema).read({ ...options, ...signal }));
        await called;
        if (end === "abort") controller.abort("enough");
        else if (end === "close") await mq.close();
        else await server.shutdown();
        assertEquals(await read, end === "abort" ? "enough" : "closed of t");
        await mq.close();
      }
    }
  });
}

for (const [name, begin] of Object.entries(LOOPS)) {
  Deno.test(`a loop that waits for ${name} ends with its subscription, as one to texts does`, async () => {
    for (const end of ["abort", "close", "end", "return"]) {
      const server = await openServer();
      const mq = await connect(server.url, { reconnect: false });
      await mq.putMany("t", ["1", "2"]);
      const controller = new AbortController();
      const { stream, called } = begin(mq, { signal: controller.signal });
      const calls = [stream.next(), stream.next(), stream.next()].map(settled);
      await called;
      if (end === "abort") controller.abort("enough");
      else if (end === "close") await mq.close();
      else if (end === "return") await withTimeout(stream.return!());
      else await server.shutdown();
      const done = { done: true, value: undefined };
      const first = { abort: "enough", end: "closed of t" }[end] ?? done;
      assertEquals(await Promise.all(calls), [first, done, done], end);
      assertEquals(await settled(stream.next()), done);
      await mq.close();
      await server.shutdown();
    }
  });
}

Deno.test("a message that was being validated when a loop ended is delivered to the next one", async () => {
  await using context = await connected();
  const { mq } = context;
  await mq.putMany("t", ["1", "2", "3"]);
  const called = Promise.withResolvers<void>();
  let isStuck = true;
  const schema = functionSchema<number>((value) => {
    if (value !== 2 || !isStuck) return Promise.resolve({ value: value as number });
    called.resolve();
    return new Promise<never>(() => {});
  });
  const controller = new AbortController();
  const seen: number[] = [];
  let since: string | undefined;
  const topic = mq.topic("t", schema);
  const loop = async () => {
    for await (const { value, position } of topic.subscribe({ signal: controller.signal })) {
      seen.push(value);
      since = position;
    }
  };
  const looping = loop().catch((error) => error);
  await called.promise;
  controller.abort("enough");
  assertEquals(await withTimeout(looping), "enough");
  isStuck = false;
  for await (const { value } of topic.subscribe({ since: since! })) {
    seen.push(value);
    if (value === 3) break;
  }
  assertEquals(seen, [1, 2, 3]);
});

Deno.test("what had arrived before a gap is validated and delivered before the error", async () => {
  const server = new ScriptedServer();
  await using mq = await connect(server.url, { dial: server.dial });
  const schema = functionSchema<number>(async (value) => {
    await turns(2);
    return { value: value as number };
  });
  const controller = new AbortController();
  const stream = mq.topic("t", schema).subscribe({ since: 0, signal: controller.signal });
  const { id } = await server.next();
  await server.send({ id, start: 0 });
  await server.send({
    sub: id,
    prev: 0,
    seqs: [1, 2],
    times: [1, 1],
    bodies: ["1", "2"],
    bytes: 6,
  });
  const error = { code: "trimmed", message: "gone", after: 2, floor: 5, last: 9 };
  await server.send({ sub: id, error, through: 5 });
  const values = [(await stream.next()).value?.value, (await stream.next()).value?.value];
  assertEquals(values, [1, 2]);
  assertEquals(await settled(stream.next()), "trimmed of t");
});

Deno.test("close waits for values that are being validated as for unanswered puts, and then sends them", async () => {
  await using context = await connected();
  const { mq } = context;
  await using reader = await connect(mq.url, { since: "start" });
  const held = Promise.withResolvers<void>();
  const schema = functionSchema<number>(async (value) => {
    await held.promise;
    return value === 2 ? { issues: [{ message: "no" }] } : { value: value as number };
  });
  const topic = mq.topic("t", schema);
  const puts = [topic.put(1), topic.put(2), topic.putMany([3, 4])].map(settled);
  const closing = mq.close();
  assertEquals(await settled(topic.put(5)), "closed of t");
  assertEquals(await settled(mq.put("t", "5")), "closed of t");
  held.resolve();
  await withTimeout(closing);
  assertEquals(await Promise.all(puts), [1, "invalid_value of t", [2, 3]]);
  const bodies = [await reader.get("t"), await reader.get("t"), await reader.get("t")];
  assertEquals([...bodies, await reader.get("t")], ["1", "3", "4", ""]);
});

Deno.test("close waits for a value that does not fit until that is known, and no longer", async () => {
  await inVirtualTime(async () => {
    const server = new ScriptedServer();
    const mq = await connect(server.url, { dial: server.dial });
    const schema = functionSchema<number>(async () => {
      await pass(100);
      return { issues: [{ message: "no" }] };
    });
    const put = outcomeOf(mq.topic("t", schema).put(1));
    const began = performance.now();
    await mq.close();
    assertEquals([await put, performance.now() - began], ["invalid_value of t", 100]);
  });
});

Deno.test("close waits five seconds for a validator that never ends, whether there is a connection or not", async () => {
  for (const isAway of [false, true]) {
    await inVirtualTime(async () => {
      const server = new ScriptedServer();
      const mq = await connect(server.url, { dial: server.dial });
      if (isAway) {
        server.unreachable = true;
        server.hangUp();
        await until(() => mq.status === "reconnecting");
      }
      const topic = mq.topic("t", endless().schema);
      const puts = [topic.put(1), topic.put(2), topic.putMany([3, 4])].map(outcomeOf);
      const began = performance.now();
      await mq.close();
      assertEquals(Math.round((performance.now() - began) / 1000), 5);
      assertEquals(await Promise.all(puts), Array(3).fill("closed of t"));
      assertEquals(mq.pending, { messages: 0, bytes: 0 });
    });
  }
});

Deno.test("values that are being validated count for maxPendingBytes, and no validator is called beyond that", async () => {
  await using context = await connected();
  await using mq = await connect(context.mq.url, { maxPendingBytes: 1000 });
  const held = Promise.withResolvers<void>();
  let called = 0;
  const schema = functionSchema<string>(async (value) => {
    called++;
    await held.promise;
    return { value: value as string };
  });
  const topic = mq.topic("t", schema);
  const text = "x".repeat(95);
  // Each takes 200 bytes: two quotes of JSON, three characters around it, and 100 for the call.
  const puts = Array.from({ length: 5 }, () => settled(topic.put(text)));
  assertEquals(mq.pending, { messages: 5, bytes: 500 });
  for (
    const call of [
      () => topic.put(text),
      () => topic.putMany([text]),
      () => mq.topic("u").put(1),
      () => mq.put("u", "1"),
      () => mq.read("u"),
    ]
  ) {
    const error = await assertRejects(call, DsmqError);
    assertEquals([error.code, error.limit], ["limit_exceeded", 1000]);
    assert(error.message.includes("maxPendingBytes"), error.message);
  }
  assertEquals(called, 5);
  held.resolve();
  assertEquals(await Promise.all(puts), [1, 2, 3, 4, 5]);
  assertEquals(mq.pending, { messages: 0, bytes: 0 });
  assertEquals(await topic.put("after"), 6);
});

Deno.test("while the server is away, values that are being validated count for maxPending, and are accepted however full it is since", async () => {
  const server = new ScriptedServer();
  await using mq = await connect(server.url, {
    dial: server.dial,
    maxPending: 3,
    reconnect: { minDelay: 0, maxDelay: 0 },
  });
  const held = Promise.withResolvers<void>();
  const schema = functionSchema<number>(async (value) => {
    await held.promise;
    return { value: value as number };
  });
  // While there is a connection the number of calls has no limit.
  const puts = [1, 2, 3, 4].map((value) => mq.topic("t", schema).put(value));
  server.unreachable = true;
  server.hangUp();
  await until(() => mq.status === "reconnecting");
  for (const call of [() => mq.topic("t", schema).put(5), () => mq.put("u", "5")]) {
    const error = await assertRejects(call, DsmqError);
    assertEquals([error.code, error.limit], ["limit_exceeded", 3]);
  }
  held.resolve();
  await turns(5);
  assertEquals(mq.pending, { messages: 4, bytes: 16 });
  server.unreachable = false;
  const { id, bodies } = await withTimeout(server.next());
  assertEquals(bodies, ["1", "2", "3", "4"]);
  await server.send({ id, seqs: [1, 2, 3, 4] });
  assertEquals(await withTimeout(Promise.all(puts)), [1, 2, 3, 4]);
  assertEquals(mq.pending, { messages: 0, bytes: 0 });
});
