/**
 * A client of servers that lie: answers out of order, answers to no request, invalid limits and welcomes.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, DsmqError, type Socket } from "@dsmq/server";
import { MAX_WELCOME_BYTES, maxReplyFrameBytes } from "../../protocol/frame_sizes.ts";
import { DEFAULT_LIMITS } from "../../protocol/limits.ts";
import { assertProtocolError, connectScripted } from "../support/scripted_connection.ts";
import { ScriptedServer, WELCOME } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

const message = (id: number, seq: number, through = seq) => ({
  id,
  body: `m${seq}`,
  seq,
  time: 1,
  through,
});

for (
  const [what, ...replies] of [
    ["goes back", [5, 5], [4, 4]],
    ["is delivered twice", [5, 5], [5, 5]],
    ["is at or before the start of the connection", [3, 3]],
    ["has number 0", [0, 0]],
    ["is beyond the end of its page", [5, 4]],
    ["comes after the end of an earlier page", [5, 9], [7, 9]],
  ] as [string, ...[number, number][]][]
) {
  Deno.test(`a message that ${what} ends the connection`, async () => {
    const script = new ScriptedServer();
    script.welcome = { ...WELCOME, start: 3, last: 3 };
    const mq = await connect(script.url, { dial: script.dial });
    for (const [i, [seq, through]] of replies.entries()) {
      const get = mq.get("t").catch(({ code }) => code);
      await script.send(message((await script.next()).id, seq, through));
      assertEquals(await withTimeout(get), i === replies.length - 1 ? "protocol_error" : `m${seq}`);
    }
    await assertProtocolError({ script, mq });
  });
}

/** A client that asks again, after a break that came when it had read message 5. */
async function reconnected() {
  const script = new ScriptedServer();
  const mq = await connect(script.url, { dial: script.dial, reconnect: { minDelay: 0 } });
  const first = mq.get("t");
  await script.send(message((await script.next()).id, 5));
  assertEquals(await first, "m5");
  script.hangUp();
  const again = mq.get("t").catch(({ code }) => code);
  return { script, mq, again, request: await withTimeout(script.next()) };
}

Deno.test("after a break a message that was delivered before is not delivered again", async () => {
  const { script, mq, again, request } = await reconnected();
  await script.send(message(request.id, 5));
  assertEquals(await withTimeout(again), "protocol_error");
  await mq.close();
});

Deno.test("after a break a server that silently reads a topic less far than before is left", async () => {
  const { script, mq, again, request } = await reconnected();
  assertEquals(request.since.after, 5);
  // It would give the same message again, to the next reader.
  await script.send({ id: request.id, body: "", through: 4 });
  assertEquals(await withTimeout(again), "protocol_error");
  await mq.close();
});

for (
  const [what, ...seqs] of [["goes back", 5, 4], ["is given twice", 5, 5], [
    "was there before",
    3,
  ]] as [
    string,
    ...number[],
  ][]
) {
  Deno.test(`a put whose number ${what} ends the connection`, async () => {
    const script = new ScriptedServer();
    script.welcome = { ...WELCOME, start: 3, last: 3 };
    const mq = await connect(script.url, { dial: script.dial });
    let last: unknown;
    for (const seq of seqs) {
      const put = mq.put("t", "m").catch(({ code }) => code);
      await script.send({ id: (await script.next()).id, seq });
      last = await withTimeout(put);
    }
    assertEquals(last, "protocol_error");
    await assertProtocolError({ script, mq });
  });
}

for (
  const [what, misbehave] of Object.entries<(script: ScriptedServer, id: number) => Promise<void>>({
    "is answered twice": async (script, id) => {
      await script.send(message(id, 1));
      await script.send(message(id, 2));
    },
    "was never sent": (script, id) => script.send(message(id + 7, 1)),
    "is hello, which was answered": (script) => script.send({ ...WELCOME, id: 1 }),
    "is a stream that was never requested": (script, id) => script.send({ sub: id + 7 }),
  })
) {
  Deno.test(`an answer to a request that ${what} ends the connection`, async () => {
    const { script, mq } = await connectScripted();
    const get = mq.get("t").catch(() => {});
    await misbehave(script, (await script.next()).id);
    await withTimeout(get);
    await assertProtocolError({ script, mq });
  });
}

Deno.test("an error from a server has only known fields, and a text that is short and safe to show", async () => {
  const { script, mq } = await connectScripted();
  const get = assertRejects(() => mq.get("t"), DsmqError);
  const { id } = await script.next();
  await script.send(
    `{"id":${id},"error":{"code":"full","message":"a\\u001b[2J\\u202eb\\n${
      "x".repeat(1_000_000)
    }",` +
      `"limit":5,"name":"TypeError","stack":"at home","cause":1,"toString":1,"topic":"other","retryable":"no",` +
      `"status":200,"reason":"refused","__proto__":{"evil":1},"constructor":1}}`,
  );
  const error = await withTimeout(get);
  assertEquals([error.code, error.topic, error.limit, error.name], [
    "full",
    "t",
    5,
    "DsmqError [full]",
  ]);
  assert(error.message.startsWith("a\\u001b[2J\\u202eb\\u000axxx"), error.message.slice(0, 50));
  assert(error.message.length < 2100);
  assertEquals([error.cause, error.status, error.reason], [undefined, undefined, undefined]);
  assertEquals(Object.keys(error).sort(), ["code", "limit", "name", "topic"]);
  assertEquals([error.retryable, "evil" in error], [true, false]);
  assertEquals(Object.getPrototypeOf(error), DsmqError.prototype);
  assert(`${error}`.startsWith("DsmqError [full]: a") && !error.stack!.includes("at home"));
  await mq.close();
});

Deno.test("an unknown code is passed on", async () => {
  const { script, mq } = await connectScripted();
  const get = assertRejects(() => mq.get("t"), DsmqError);
  await script.send({ id: (await script.next()).id, error: { code: "of_later", message: "no" } });
  assertEquals((await withTimeout(get)).code as string, "of_later");
  await mq.close();
});

for (
  const [what, limits] of Object.entries<object>({
    "0": Object.fromEntries(Object.keys(DEFAULT_LIMITS).map((name) => [name, 0])),
    "1": Object.fromEntries(Object.keys(DEFAULT_LIMITS).map((name) => [name, 1])),
    negative: { messageBytes: 10, inFlight: -1, creditBytes: -5 },
    "a non-number": {
      messageBytes: 10,
      inFlight: "x",
      inFlightBytes: {},
      frameRequests: null,
    },
    "more than the maximum": Object.fromEntries(
      Object.keys(DEFAULT_LIMITS).map((name) => [name, Number.MAX_SAFE_INTEGER]),
    ),
  })
) {
  Deno.test(`a client of a server with limits of ${what} sends what it is asked to, and holds no more than it has room for`, async () => {
    const script = new ScriptedServer();
    script.welcome = { ...WELCOME, limits };
    const mq = await connect(script.url, { dial: script.dial });
    // If the limit is one byte, no message fits: then that is reported.
    const topic = what === "1" ? "t" : "topic";
    const calls = [mq.get(topic), mq.get(topic)];
    for (let seq = 1; seq <= 2; seq++) {
      await script.send(message((await withTimeout(script.next())).id, seq));
    }
    assertEquals(await withTimeout(Promise.all(calls)), ["m1", "m2"]);
    const stream = mq.subscribe(topic);
    const { bytes, messages } = await withTimeout(script.next());
    assert(bytes > 0 && bytes <= 64 * 1024 * 1024 && messages > 0 && messages <= 4096);
    script.hangUp(4401);
    await assertRejects(() => withTimeout(stream.next()), DsmqError);
    await mq.close();
  });
}

for (
  const [what, welcome] of Object.entries<object | string>({
    "no start": { ...WELCOME, start: undefined },
    "a negative start": { ...WELCOME, start: -1 },
    "no limits": { ...WELCOME, limits: undefined },
    "limits in a list": { ...WELCOME, limits: [] },
    "an infinite limit of messages": { ...WELCOME, limits: { messageBytes: -1 } },
    "an epoch of 5,000 characters": { ...WELCOME, epoch: "e".repeat(5000) },
    "an invalid retention": { ...WELCOME, retention: "long" },
    "more than 64 KiB": { ...WELCOME, more: "x".repeat(MAX_WELCOME_BYTES) },
    "a version of the wrong type": { ...WELCOME, protocol: "1" },
  })
) {
  Deno.test(`a server whose welcome has ${what} is not a dsmq server, and is not tried again`, async () => {
    const script = new ScriptedServer();
    script.welcome = welcome as object;
    const error = await assertRejects(
      () => withTimeout(connect(script.url, { dial: script.dial })),
      DsmqError,
    );
    assertEquals([error.code, error.reason, script.dials], ["unreachable", "not_dsmq", 1]);
  });
}

Deno.test("a store time that goes back or jumps changes nothing about what was reported before", async () => {
  const script = new ScriptedServer();
  script.welcome = { ...WELCOME, time: 5_000_000 };
  const mq = await connect(script.url, { dial: script.dial });
  for (const time of [1, 4_999_999, 0]) {
    await script.send({ heartbeat: 10_000, time, last: 0, floor: 0 });
  }
  // A message that arrived for a reader that gave up is kept by the clock of the store, and not longer.
  const abort = new AbortController();
  const wait = mq.getWait("t", { signal: abort.signal }).catch(() => {});
  let { id, action } = await script.next();
  while (action !== "get_wait") ({ id, action } = await script.next());
  abort.abort();
  await wait;
  await script.send({ id, body: "old", seq: 1, time: 4_000_000, through: 1 });
  const get = mq.get("t");
  while (action !== "get") ({ id, action } = await withTimeout(script.next()));
  await script.send({
    id,
    body: "new",
    seq: 2,
    time: 4_900_000,
    through: 2,
  });
  assertEquals(await withTimeout(get), "new");
  await mq.close();
});

Deno.test("a frame larger than any answer can be ends the connection, and is not parsed", async () => {
  const { script, mq } = await connectScripted();
  const get = mq.get("t").catch(({ code }) => code);
  const { id } = await script.next();
  const large = "x".repeat(maxReplyFrameBytes(DEFAULT_LIMITS));
  await script.send(`{"id":${id},"body":"${large}","seq":1,"time":1,"through":1}`);
  assertEquals(await withTimeout(get), "protocol_error");
  await assertProtocolError({ script, mq });
});

Deno.test("a socket's close reason is shown short, and without what a terminal would interpret", async () => {
  const script = new ScriptedServer();
  let socket: Socket | undefined;
  const mq = await connect(undefined, { dial: () => socket = script.dial() });
  const waiting = withTimeout(mq.getWait("t"));
  waiting.catch(() => {});
  await script.next();
  socket!.onclose!.call(
    socket as WebSocket,
    new CloseEvent("close", { code: 1008, reason: `\u001b[31m\u202e${"x".repeat(9000)}` }),
  );
  const error = await assertRejects(
    () => waiting,
    DsmqError,
    "\\u001b[31m\\u202ex",
  );
  assert(error.message.length < 2200 && error.code === "closed");
  await mq.close();
});

Deno.test("a read whose answer went to an earlier one fails with the connection", async () => {
  const { script, mq } = await connectScripted();
  const first = mq.getWait("t");
  const { id: wait } = await script.next();
  const second = mq.getWait("t").catch(({ code }) => code);
  const { id } = await script.next();
  await script.send(message(id, 1));
  assertEquals(await withTimeout(first), "m1");
  await script.send({ id: wait, body: 5 });
  assertEquals(await withTimeout(second), "protocol_error");
  await mq.close();
});
