/**
 * `read`: which message, how long it waits for it, and what ends that.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { connect, serve } from "@dsmq/server";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";
import { ScriptedServer } from "../support/scripted_server.ts";

Deno.test("read, and get, getLatest and getWait, which are its forms in dsmq 1.x, read the same messages", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  await using old = await connect(server.url);
  await mq.putMany("t", ["1", "2", "3", "4", "5"]);
  assertEquals([(await mq.read("t"))?.body, await old.get("t")], ["1", "1"]);
  assertEquals([(await mq.read("t", { wait: 5000 }))?.body, await old.getWait("t")], ["2", "2"]);
  assertEquals([(await mq.read("t", { latest: true }))?.body, await old.getLatest("t")], [
    "5",
    "5",
  ]);
  assertEquals([await mq.read("t"), await old.get("t")], [undefined, ""]);
  assertEquals([await mq.read("t", { wait: 0 }), await old.getWait("t", { timeout: 0 })], [
    undefined,
    "",
  ]);
});

Deno.test("a read that waits for the latest skips older messages, and waits only if there is none", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  await mq.putMany("t", ["old", "newest"]);
  const options = { latest: true, wait: Infinity };
  assertEquals((await mq.read("t", options))?.body, "newest");
  const waiting = mq.read("t", options);
  // Both are stored at once: the one that ends the wait is the next one.
  await mq.putMany("t", ["next", "after that"]);
  assertEquals([(await waiting)?.body, await mq.get("t")], ["next", "after that"]);
});

Deno.test("a read that waits for the latest ends in its time, whatever the server does", () =>
  inVirtualTime(async () => {
    const absences: ((script: ScriptedServer) => void)[] = [
      () => {},
      (script) => {
        script.unreachable = true;
        script.hangUp();
      },
    ];
    for (const lose of absences) {
      for (const answersFirst of [true, false]) {
        const script = new ScriptedServer({ answersClose: false });
        const mq = await connect(script.url, { dial: script.dial });
        const begin = performance.now();
        const reading = mq.read("t", { latest: true, wait: 5000 });
        const request = await script.next();
        assertEquals(request.action, "get_latest");
        if (answersFirst) {
          await pass(2000);
          await script.reply(request);
          const { action, timeout } = await script.next();
          assertEquals([action, timeout], ["get_wait", 3000]);
        }
        lose(script);
        assertEquals(await reading, undefined);
        assertEquals(Math.round(performance.now() - begin), 5000);
        await mq.close();
      }
    }
  }));

Deno.test("an abort ends any read with its reason, also while there is no connection", async () => {
  const ways = [{}, { latest: true }, { wait: 60_000 }, { wait: Infinity, latest: true }];
  for (const options of ways) {
    for (const isAway of [true, false]) {
      const script = new ScriptedServer();
      await using mq = await connect(script.url, { dial: script.dial });
      if (isAway) {
        script.unreachable = true;
        script.hangUp();
      }
      const controller = new AbortController();
      const reason = new Error("enough");
      const reading = mq.read("t", { ...options, signal: controller.signal });
      // It must not stand unhandled until the abort.
      reading.catch(() => {});
      if (!isAway) await script.next();
      controller.abort(reason);
      assertEquals(await reading.catch((error) => error), reason);
    }
  }
});

Deno.test("an abort between the two halves of a read that waits for the latest ends it", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const controller = new AbortController();
  const reading = mq.read("t", { latest: true, wait: 60_000, signal: controller.signal });
  const request = await script.next();
  // Its listeners hear the abort in the same turn as the answer.
  const answered = script.reply(request);
  controller.abort(new Error("enough"));
  await assertRejects(() => reading, Error, "enough");
  await answered;
  assertEquals(script.unread.filter(({ action }) => action === "get_wait"), []);
});

Deno.test("an aborted signal ends a read before anything is sent", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  script.frames.length = 0;
  const signal = AbortSignal.abort(new Error("before"));
  for (const options of [{}, { latest: true }, { wait: 5 }, { wait: 5, latest: true }]) {
    await assertRejects(() => mq.read("t", { ...options, signal }), Error, "before");
  }
  assertEquals(script.frames, []);
});

Deno.test("a message on its way to a read that was aborted goes to the next read", async () => {
  for (const options of [{}, { latest: true }, { wait: 60_000 }]) {
    const script = new ScriptedServer();
    await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
    const controller = new AbortController();
    const reading = mq.read("t", { ...options, signal: controller.signal });
    const request = await script.next();
    controller.abort(new Error("enough"));
    await assertRejects(() => reading, Error, "enough");
    await script.reply(request, { seq: 1, body: "kept" });
    assertEquals(await mq.get("t"), "kept");
  }
});
