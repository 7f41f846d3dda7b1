/**
 * What a proxy, or a defect of the server, refuses for good fails alone: it is reported, and everything else goes on.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, DsmqError } from "@dsmq/server";
import { compareCodePoints } from "../../protocol/text.ts";
import { reconnect, settled, until } from "../support/bridge.ts";
import { ScriptedServer } from "../support/scripted_server.ts";
import { BAD, behindIntermediary, BIG } from "../support/refusing_intermediary.ts";
import { withTimeout } from "../support/with_timeout.ts";

for (const code of [1000, 1002, 1003, 1005, 1007, 1009, 1010, 1011, 3000, 4000]) {
  Deno.test(`a put whose frame is closed with ${code} each time is rejected with that, and the others go on`, () =>
    behindIntermediary(async ({ mq, bridge }) => {
      const puts = ["1", BIG, "2"].map((message, i) => settled<unknown>(mq.put(`t${i}`, message)));
      assertEquals(await Promise.all(puts), [1, "error unknown_outcome", 2]);
      assertEquals(await settled(mq.put("t", "3")), 3);
      assertEquals(bridge.dials, 3);
      const error = await assertRejects(() => mq.put("t", BIG), DsmqError);
      // What is common to all ends has no number.
      const end = code === 1000 || code === 1005 ? "it was closed" : `${code}`;
      assert(error.message.includes(end) && error.topic === "t", error.message);
    }, { code }));
}

for (const code of [1001, 1006, 1012, 1013, 1014, 4401, 4408, 4410]) {
  Deno.test(`after ${code}, an ordinary break, a put is sent again, however often`, () =>
    behindIntermediary(async ({ mq, bridge }) => {
      const put = settled(mq.put("t", BIG));
      await until(() => bridge.dials > 6);
      bridge.refuses = () => undefined;
      assertEquals(await put, 1);
      // 4401 is one only where the next token may be valid.
    }, { code, token: () => "token" }));
}

Deno.test("of messages put together only the refused one is rejected, and the others keep their order", () =>
  behindIntermediary(async ({ mq }) => {
    const messages = Array.from({ length: 200 }, (_, i) => i === 70 ? BIG : `${i}`);
    const puts = messages.map((message) => settled<unknown>(mq.put("t", message)));
    const outcomes = await Promise.all(puts);
    assertEquals(
      outcomes,
      messages.map((_, i) => i < 70 ? i + 1 : i > 70 ? i : "error unknown_outcome"),
    );
  }));

Deno.test("of a list only what is refused is rejected, by its place, and later puts stay behind the list", () =>
  behindIntermediary(async ({ mq }) => {
    const messages = Array.from({ length: 500 }, (_, i) => i % 200 === 70 ? BIG : `${i}`);
    const [list, after] = [mq.putMany("t", messages), mq.put("t", "after")];
    const error = await assertRejects(() => withTimeout(list, 10_000), DsmqError);
    assertEquals(error.code, "unknown_outcome");
    let seq = 0;
    assertEquals(
      error.outcomes!.map((outcome) => typeof outcome === "number" ? outcome : outcome.code),
      messages.map((message) => message === BIG ? "unknown_outcome" : ++seq),
    );
    assertEquals(await after, seq + 1);
  }, { only: "up" }));

Deno.test("every kind of request that is refused fails alone", () =>
  behindIntermediary(async ({ mq, bridge }) => {
    bridge.refuses = (frame) => frame.includes(BAD) ? 1011 : undefined;
    const calls = [
      mq.get("good"),
      mq.get(BAD),
      mq.getLatest(`${BAD} latest`),
      mq.getWait(`${BAD} wait`, { timeout: 60_000 }),
      mq.subscribe(`${BAD} stream`).next(),
      mq.topics(`${BAD} prefix`),
      mq.put(`${BAD} topic`, "m"),
      mq.put("good", "m"),
      mq.getWait("good"),
    ].map((work) => settled<unknown>(work, 20_000));
    const refused = "error refused";
    assertEquals(await Promise.all(calls), [
      "",
      ...Array(5).fill(refused),
      "error unknown_outcome",
      1,
      "m",
    ]);
  }));

Deno.test("a call that is refused each time is named in its error", () =>
  behindIntermediary(async ({ mq, bridge }) => {
    bridge.refuses = (frame) => frame.includes(BAD) ? 1011 : undefined;
    const calls: [string, () => Promise<unknown>][] = [
      ["get", () => mq.get(BAD)],
      ["get", () => mq.getLatest(BAD)],
      ["get", () => mq.getWait(BAD, { timeout: 60_000 })],
      ["read", () => mq.read(BAD)],
      ["read", () => mq.read(BAD, { latest: true })],
      ["read", () => mq.read(BAD, { wait: 60_000 })],
      ["subscribe", () => mq.subscribe(BAD).next()],
      ["list topics", () => mq.topics(BAD)],
    ];
    for (const [verb, call] of calls) {
      const { code, message } = await assertRejects(() => withTimeout(call(), 10_000), DsmqError);
      assertEquals(code, "refused");
      assert(message.startsWith(`Cannot ${verb}: each time `), message);
    }
  }));

Deno.test("a close that hits a connection twice by chance ends nobody's call, unless the call was alone", async () => {
  const script = new ScriptedServer();
  const mq = await connect(script.url, { dial: script.dial, reconnect });
  script.welcome = { ...script.welcome, dedupComplete: true };
  const calls = [mq.put("a", "1"), mq.get("b")].map((work) => settled<unknown>(work));
  await script.next();
  await script.next();
  script.hangUp(1011);
  // The first alone; it is answered, and the second is sent alone, and answered.
  const put = await withTimeout(script.next());
  assertEquals([put.action, script.unread.length], ["put", 0]);
  await script.send({ id: put.id, seq: 1 });
  const get = await withTimeout(script.next());
  await script.reply(get);
  assertEquals(await Promise.all(calls), [1, ""]);
  // Then all are sent together again.
  const more = [mq.get("a"), mq.get("b"), mq.get("c")].map((work) => settled(work));
  for (let i = 0; i < 3; i++) await script.reply(await withTimeout(script.next()));
  assertEquals(await Promise.all(more), ["", "", ""]);
  assertEquals(JSON.parse(script.frames.at(-1)!).length, 3);
  await withTimeout(mq.close());
});

Deno.test("many suspects speed up with each one that is harmless, and none is judged that was not alone", async () => {
  const script = new ScriptedServer();
  const mq = await connect(script.url, { dial: script.dial, reconnect });
  script.welcome = { ...script.welcome, dedupComplete: true };
  const count = 40;
  const calls = Array.from({ length: count }, (_, i) => settled(mq.get(`t${i}`)));
  const next = async () => {
    const request = await withTimeout(script.next());
    return { request, concurrent: script.unread.length };
  };
  for (let i = 0; i < count; i++) await script.next();
  script.hangUp(1011);
  for (let i = 0; i < 17; i++) {
    const { request, concurrent } = await next();
    assertEquals(concurrent, 0);
    await script.reply(request);
  }
  const { request, concurrent } = await next();
  assertEquals(concurrent, 0);
  await script.reply(request);
  assertEquals((await next()).concurrent, 1);
  // Two are unanswered.
  await script.next();
  script.hangUp(1011);
  let max = 0;
  for (let unsent = count - 18; unsent > 0; unsent--) {
    const { request, concurrent } = await next();
    max = Math.max(max, concurrent);
    await script.reply(request);
  }
  assertEquals(await Promise.all(calls), Array(count).fill(""));
  assert(max > 1, `${max + 1} at once`);
  await withTimeout(mq.close());
});

Deno.test("when everything is closed, each call gets its error, and the delays grow", async () => {
  const script = new ScriptedServer();
  const mq = await connect(script.url, {
    dial: script.dial,
    reconnect: { minDelay: 1, maxDelay: 20, timeout: 60_000 },
  });
  script.welcome = { ...script.welcome, dedupComplete: true };
  const calls = Array.from({ length: 4 }, (_, i) => settled(mq.put(`t${i}`, "m"), 20_000));
  let open = true;
  const closes = (async () => {
    while (open) {
      await script.next();
      script.hangUp(1011);
    }
  })();
  assertEquals(await Promise.all(calls), Array(4).fill("error unknown_outcome"));
  assertEquals(script.dials, 5, "all together, and each of them alone");
  open = false;
  void closes;
  await until(() => mq.status === "connected");
  await withTimeout(mq.close());
});

Deno.test("a suspect request that is cancelled holds up no other", () =>
  behindIntermediary(async ({ mq, bridge }) => {
    bridge.refuses = (frame) => frame.includes(BAD) ? 1011 : undefined;
    const abort = new AbortController();
    const wait = settled(mq.getWait(BAD, { signal: abort.signal, timeout: 60_000 }));
    const stream = mq.subscribe(`${BAD} stream`);
    await until(() => mq.status !== "connected");
    abort.abort();
    await stream.return!();
    assert((await wait as string).startsWith("error"));
    assertEquals(await settled(mq.put("good", "m")), 1);
    assertEquals(await settled(mq.get("good")), "m");
  }));

Deno.test("a client whose connections end without a close frame goes on in small frames: a close code can be lost on the way", () =>
  behindIntermediary(async ({ mq, bridge }) => {
    const messages = Array.from({ length: 30 }, () => "m".repeat(100));
    const puts = messages.map((message) => settled(mq.put("t", message)));
    assertEquals(await Promise.all(puts), messages.map((_, i) => i + 1));
    assertEquals(bridge.dials, 3);
  }, { code: 1006, only: "up" }));

Deno.test("a backup with long names and ids goes on in small pages, too: no page is larger than the client asks for", () =>
  behindIntermediary(async ({ mq }) => {
    const topics = Array.from({ length: 222 }, (_, i) => `${i}`.padEnd(250, "t"));
    for (const topic of topics) await mq.put(topic, "m", { messageId: "i".repeat(200) });
    const backup = await mq.backup();
    const found = await Array.fromAsync(backup, ({ topic, identity }) => `${topic} ${identity}`);
    assertEquals(found, topics.map((topic) => `${topic} `));
    assertEquals(
      await Array.fromAsync(backup.gone(), ({ topic }) => topic),
      topics.toSorted(compareCodePoints),
    );
  }, { only: "down", limit: 16_500 }));

Deno.test("a backup goes on in small pages behind an intermediary that refuses large frames", () =>
  behindIntermediary(async ({ mq, stored }) => {
    const messages = Array.from({ length: 400 }, (_, i) => `${i}`.padEnd(300));
    for (const [i, message] of messages.entries()) await stored(`t${i}`, message);
    const backup = await mq.backup();
    const found: string[] = [];
    for await (const { body } of backup) found.push(body);
    assertEquals(found, messages);
    let topics = 0;
    for await (const _ of backup.gone()) topics++;
    assertEquals(topics, messages.length);
  }, { only: "down", limit: 24_000 }));
