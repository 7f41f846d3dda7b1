/**
 * What dsmq guarantees, as a user of its own client sees it: guarantees 8 and 10 of the design.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, DsmqError, serve } from "@dsmq/server";

Deno.test("8: put resolves with the message's sequence number once it is stored", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  const seq = await mq.put("t", "message");
  // Stored before the answer: a reader that connects now finds it.
  await using reader = await connect(server.url, { since: "start" });
  const message = await reader.read("t");
  assertEquals([message?.body, message?.seq], ["message", seq]);
  assert(await mq.put("t", "another") > seq);
});

Deno.test("8: putMany resolves with all sequence numbers, in order", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  const seqs = await mq.putMany("t", ["a", "b", "c"]);
  const read = [await mq.read("t"), await mq.read("t"), await mq.read("t")];
  assertEquals(read.map((message) => message?.body), ["a", "b", "c"]);
  assertEquals(read.map((message) => message?.seq), seqs);
  assertEquals(await mq.putMany("t", []), []);
  assertEquals(await mq.get("t"), "");
});

Deno.test("8: putMany keeps the order of more messages than fit one frame", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  const messages = Array.from({ length: 40 }, (_, i) => String(i).padEnd(100_000 - i * 2000, "."));
  const seqs = await mq.putMany("t", messages);
  assertEquals(seqs.length, messages.length);
  for (const [i, expected] of messages.entries()) {
    const message = await mq.read("t");
    assert(message?.body === expected, `message ${i}`);
    assertEquals(message.seq, seqs[i]);
  }
});

Deno.test("8: putMany is validated as a whole before the first message is sent", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  const notAString = ["good", 5 as unknown as string, "good"];
  await assertRejects(() => mq.putMany("t", notAString), TypeError, "a number");
  const tooLarge = ["good", "x".repeat(999_999)];
  assertEquals(
    (await assertRejects(() => mq.putMany("t", tooLarge), DsmqError)).code,
    "too_large",
  );
  await mq.put("t", "the first that is stored");
  assertEquals(await mq.get("t"), "the first that is stored");
  assertEquals(server.stats().stored, 1);
});

Deno.test("8: a put that cannot be stored rejects with the reason", async () => {
  await using server = await serve({ port: 0, limits: { messageBytes: 10 } });
  await using mq = await connect(server.url);
  await mq.put("t", "12345678");
  const error = await assertRejects(() => mq.put("t", "123456789"), DsmqError, "11 bytes");
  assertEquals([error.code, error.limit, error.topic], ["too_large", 10, "t"]);
  assertEquals(await mq.get("t"), "12345678");
  assertEquals(await mq.get("t"), "");
});

Deno.test("8: what was acknowledged is delivered to every reader, once, in order", async () => {
  await using server = await serve({ port: 0 });
  await using getter = await connect(server.url);
  await using waiter = await connect(server.url);
  await using subscriber = await connect(server.url);
  await using stream = subscriber.subscribe("t");
  const putters = await Promise.all(Array.from({ length: 4 }, () => connect(server.url)));
  const total = 400;
  const puts = putters.map(async (putter, p) => {
    const acknowledged: [number, string][] = [];
    for (let i = 0; i < total / putters.length; i++) {
      const body = `${p}:${i}`;
      acknowledged.push([await putter.put("t", body), body]);
    }
    await putter.close();
    return acknowledged;
  });
  const received: [number, string][] = [];
  while (received.length < total) {
    const { seq, body } = (await waiter.read("t", { wait: 10_000 }))!;
    received.push([seq, body]);
  }
  const acknowledged = (await Promise.all(puts)).flat().sort(([a], [b]) => a - b);
  const streamed: [number, string][] = [];
  const got: [number, string][] = [];
  while (got.length < total) {
    const { value } = await stream.next();
    streamed.push([value!.seq, value!.body]);
    const message = await getter.read("t");
    got.push([message!.seq, message!.body]);
  }
  assertEquals(received, acknowledged);
  assertEquals(streamed, acknowledged);
  assertEquals(got, acknowledged);
  assertEquals(await getter.get("t"), "");
});

const strings: Readonly<Record<string, string>> = {
  "a null character": "\0 begin\0end \0",
  "lone surrogates": "\ud800 \udc00 \udc00\ud800",
  "half an emoji at the end": "half \ud83d",
  "emoji": "👩‍👩‍👧‍👦🏳️‍🌈😀",
  "line and paragraph separators": "a\u2028b\u2029c\u0085d",
  "quotes and backslashes": `"'\`\\"\\\\\n\\u0041`,
  "all control characters": String.fromCharCode(...Array(0xa0).keys()),
  "a byte order mark": "\ufeffa\ufffe\uffff",
  "what looks like a frame of the protocol": '{"action":"shutdown"}',
  "combining and compatibility characters": "e\u0301 \u00e9 \ufb01 \u212b",
  "white space": " \t\r\n ",
};

for (const [name, string] of Object.entries(strings)) {
  Deno.test(`10: what comes out is what went in: ${name}`, async () => {
    await using server = await serve({ port: 0 });
    await using mq = await connect(server.url);
    await using stream = mq.subscribe("t");
    await mq.put("t", string);
    await mq.putMany("t", [string, string]);
    assertEquals(await mq.get("t"), string);
    assertEquals(await mq.getWait("t"), string);
    assertEquals(await mq.getLatest("t"), string);
    for (let i = 0; i < 3; i++) assertEquals((await stream.next()).value?.body, string);
  });
}

Deno.test("10: every code unit comes out as it went in", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  let all = "";
  for (let unit = 0; unit <= 0xffff; unit++) all += String.fromCharCode(unit);
  await mq.put("t", all);
  assert(await mq.get("t") === all);
});

Deno.test("10: a message of 999,998 ASCII characters is the largest, and comes out whole", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  let message = "";
  for (let i = 0; message.length < 999_998; i++) message += `${i} `;
  message = message.slice(0, 999_998);
  await using stream = mq.subscribe("t");
  await mq.put("t", message);
  await mq.putMany("t", [message, message]);
  assert(await mq.get("t") === message);
  assert(await mq.getWait("t") === message);
  assert(await mq.getLatest("t") === message);
  for (let i = 0; i < 3; i++) assert((await stream.next()).value?.body === message);
  const error = await assertRejects(() => mq.put("t", `${message}!`), DsmqError, "1000001 bytes");
  assertEquals([error.code, error.limit], ["too_large", 1_000_000]);
});

Deno.test("10: messages larger than a frame come out whole when requested in one turn", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  const messages = ["a", "b", "c", "d"].map((letter) => letter.repeat(300_000));
  await mq.putMany("t", messages);
  await mq.putMany("u", messages);
  const reads = ["t", "u", "t", "u", "t", "u", "t", "u", "t"].map((topic) => mq.get(topic));
  const [a, b, c, d] = messages;
  const expected = [a, a, b, b, c, c, d, d, ""];
  for (const [i, message] of (await Promise.all(reads)).entries()) {
    assert(message === expected[i], `answer ${i} has ${message.length} characters`);
  }
});

Deno.test("10: topic names are compared exactly", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  const topics = ["t", "T", " t", "t ", "é", "e\u0301", "'", '"', "%", "_", "😀", "x".repeat(256)];
  for (const topic of topics) await mq.put(topic, `in ${topic}`);
  for (const topic of topics) {
    assertEquals(await mq.get(topic), `in ${topic}`);
    assertEquals(await mq.get(topic), "");
  }
  const listed = (await mq.topics()).map(({ topic }) => topic);
  assertEquals(listed.sort(), topics.toSorted());
});
