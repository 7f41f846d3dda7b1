/**
 * Attributes of messages in the library: what is put with a message is read with it, and wrong ones are refused.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { connect, DsmqError, type MessageInit, type PutOptions } from "@dsmq/server";
import { connectScripted } from "../support/scripted_connection.ts";
import { openServer } from "../support/open_server.ts";
import { as } from "../support/untyped.ts";

const OPTIONS: PutOptions = {
  messageId: "m",
  key: "k",
  headers: { ["__proto__"]: "\ud800", "content-type": "ä" },
  delay: 5,
};

Deno.test("what is put with a message is read with it, by each kind of read", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url, { since: "start" });
  await using stream = mq.subscribe("t");
  for (const body of ["small", "x".repeat(300_000)]) {
    const { messageId: _, ...options } = OPTIONS;
    await mq.put("t", body, options);
    await mq.put("t", "without");
    for (const message of [await mq.read("t"), (await stream.next()).value]) {
      const { topic: _, seq: _seq, time: _time, body: read, position: _position, ...found } = as(
        message,
      );
      assertEquals(read, body);
      assertEquals(found, options);
      assertEquals(Object.entries(found.headers), Object.entries(options.headers!));
    }
    for (const message of [await mq.read("t"), (await stream.next()).value]) {
      assertEquals(Object.keys(message!).filter((name) => name in OPTIONS), []);
    }
  }
});

Deno.test("puts of one turn share a request, with a list of attributes only if one has some", async () => {
  const { script, mq } = await connectScripted({ reconnect: false });
  await using _ = mq;
  script.frames.length = 0;
  const calls = [
    mq.put("t", "a"),
    mq.put("t", "b", { key: "k" }),
    mq.put("t", "c"),
    mq.put("u", "d", { messageId: "m" }),
    mq.put("v", "e"),
    mq.put("v", "f", {}),
    mq.putMany("t", ["g", { body: "h", key: "k" }, { body: "i" }]).then(([seq]) => seq!),
    mq.putMany("t", ["j", { body: "k" }]).then(([seq]) => seq!),
  ];
  await script.next();
  const sent = script.frames.flatMap((frame) => JSON.parse(frame) as object[]);
  assertEquals(sent, [
    {
      action: "put",
      id: 2,
      topic: "t",
      bodies: ["a", "b", "c"],
      attributes: [null, { key: "k" }, null],
    },
    { action: "put", id: 3, topic: "u", body: "d", attributes: { messageId: "m" } },
    { action: "put", id: 4, topic: "v", bodies: ["e", "f"] },
    {
      action: "put",
      id: 5,
      topic: "t",
      bodies: ["g", "h", "i"],
      attributes: [null, { key: "k" }, null],
    },
    { action: "put", id: 6, topic: "t", bodies: ["j", "k"] },
  ]);
  await script.send([
    { id: 2, seqs: [1, 2, 3] },
    { id: 3, seq: 4 },
    { id: 4, seqs: [5, 6] },
    { id: 5, seqs: [7, 8, 9] },
    { id: 6, seqs: [10, 11] },
  ]);
  assertEquals(await Promise.all(calls), [1, 2, 3, 4, 5, 6, 7, 10]);
});

Deno.test("a list is sent in parts, of which none has more fields of attributes than a request may have", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url, { since: "start" });
  // Names of their own, and above the size up to which a frame is parsed without a look at it.
  const list: MessageInit[] = Array.from({ length: 300 }, (_, i) => ({
    body: "x".repeat(300),
    headers: Object.fromEntries(Array.from({ length: 64 }, (_, j) => [`h${i}-${j}`, ""])),
  }));
  assertEquals((await mq.putMany("t", list)).length, 300);
  const calls = list.map(({ body, headers }) => mq.put("t", body, { headers: headers! }));
  assertEquals((await Promise.all(calls)).length, 300);
  for (let i = 0; i < 600; i++) {
    assertEquals((await mq.read("t"))!.headers, list[i % 300]!.headers);
  }
});

Deno.test("options are copied at the call: a caller that changes them later changes nothing", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url, { since: "start" });
  const headers: Record<string, string> = { a: "1" };
  const options = { key: "k", headers };
  const list: (string | MessageInit)[] = ["one", { body: "two", headers }];
  const calls = [mq.put("t", "zero", options), mq.putMany("t", list)];
  headers.a = "2";
  options.key = "changed";
  list.length = 0;
  await Promise.all(calls);
  assertEquals((await mq.read("t"))!.headers, { a: "1" });
  const [one, two] = [await mq.read("t"), await mq.read("t")];
  assertEquals([one!.body, two!.body, two!.headers], ["one", "two", { a: "1" }]);
});

Deno.test("wrong options of a put are refused by name, with what was seen, and nothing is sent", async () => {
  const { script, mq } = await connectScripted({ reconnect: false });
  await using _ = mq;
  script.frames.length = 0;
  const wrong: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [7, TypeError, "options must be an object, got 7"],
    [null, TypeError, "options must be an object, got null"],
    [[], TypeError, "options must be an object, got an array"],
    [Promise.resolve({}), TypeError, "options must be an object, got a promise"],
    [
      { kye: "k" },
      TypeError,
      'there is no option "kye" (there are: messageId, key, headers, delay)',
    ],
    [{ key: 1 }, TypeError, "key must be a string, got a number"],
    [{ messageId: "" }, RangeError, "messageId must have at least one character"],
    [{ headers: new Headers() }, TypeError, "headers must be an object of strings, got a Headers"],
    [{ delay: 0.5 }, RangeError, "delay must be whole milliseconds from 0 to 2592000000, got 0.5"],
  ];
  for (const [options, ErrorClass, reason] of wrong) {
    await assertRejects(
      () => mq.put("t", "m", as(options)),
      ErrorClass,
      `Cannot put message: ${reason}`,
    );
    if (options === null || typeof options !== "object" || Array.isArray(options)) continue;
    const { key, messageId, headers, delay, kye } = as(options);
    if (options instanceof Promise) continue;
    const fields = { key, messageId, headers, delay, kye };
    const given = Object.entries(fields).filter(([, value]) => value !== undefined);
    const message = { body: "m", ...Object.fromEntries(given) };
    const where = kye ? 'there is no option "messages[1].kye"' : `messages[1].${reason}`;
    await assertRejects(() => mq.putMany("t", ["a", as(message)]), ErrorClass, where);
  }
  const noBody = "messages[0].body must be a string, got nothing";
  await assertRejects(() => mq.putMany("t", [as({ key: "k" })]), TypeError, noBody);
  assertEquals(script.frames, []);
});

Deno.test("body and attributes together are within maxMessageBytes; above it nothing of a list is sent", async () => {
  await using server = await openServer({ limits: { messageBytes: 40 } });
  await using mq = await connect(server.url, { since: "start" });
  assertEquals(mq.maxMessageBytes, 40);
  const room = 40 - 2 - '{"key":"k"}'.length;
  const key = "k";
  await mq.put("t", "x".repeat(room), { key });
  const large = "x".repeat(room + 1);
  const error = await assertRejects(() => mq.put("t", large, { key }), DsmqError);
  assertEquals([error.code, error.limit], ["too_large", 40]);
  await assertRejects(() => mq.putMany("t", ["a", { body: large, key }]), DsmqError);
  assertEquals((await mq.read("t"))!.body.length, room);
  assertEquals(await mq.read("t"), undefined);
});

Deno.test("the same messageId is stored once, by whichever client and however often it is put", async () => {
  await using server = await openServer();
  await using one = await connect(server.url);
  await using other = await connect(server.url);
  const first = await one.put("t", "first", { messageId: "m" });
  assertEquals(await other.put("t", "second", { messageId: "m" }), first);
  const list = ["a", { body: "b", messageId: "m" }, { body: "c", messageId: "n" }, {
    body: "d",
    messageId: "n",
  }];
  const seqs = await other.putMany("t", list);
  assertEquals(seqs, [first + 1, first, first + 2, first + 2]);
  assertEquals(await Promise.all([1, 2, 3].map(() => one.put("t", "e", { messageId: "n" }))), [
    ...[first + 2, first + 2, first + 2],
  ]);
  const bodies = [];
  for (let body; (body = await one.get("t")) !== "";) bodies.push(body);
  assertEquals(bodies, ["first", "a", "c"]);
});
