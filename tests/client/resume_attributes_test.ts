/**
 * Attributes over breaks: what is sent again, or in parts, is sent with them.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { connect, DsmqError, type MessageInit } from "@dsmq/server";
import { inMemory, reconnect, settled, testServer } from "../support/bridge.ts";
import { closeAll, connectedPair, disconnect, reconnectTo } from "../support/connected_pair.ts";
import { ScriptedServer, WELCOME } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

Deno.test("puts that are sent again after a break have their attributes, and the list only if one has some", async () => {
  const script = new ScriptedServer();
  script.welcome = { ...WELCOME, dedupComplete: true };
  const mq = await connect(script.url, { dial: script.dial, reconnect });
  const calls = [
    mq.put("t", "a"),
    mq.put("t", "b", { messageId: "m", headers: { ["__proto__"]: "p" } }),
    mq.put("u", "c"),
    mq.putMany("u", ["d", { body: "e", key: "k" }]),
  ].map((work) => settled<unknown>(work));
  const sent = () => script.frames.flatMap((frame) => JSON.parse(frame) as { action: string }[]);
  const puts = () => sent().filter(({ action }) => action === "put");
  await script.next();
  const first = puts();
  assertEquals(first.length, 3);
  assertEquals("attributes" in first[1]!, false);
  for (let i = 1; i < 3; i++) await script.next();
  script.frames.length = 0;
  script.hangUp();
  for (let i = 0; i < 3; i++) await withTimeout(script.next());
  const again = puts().map((put) => ({ ...put, id: 0 }));
  assertEquals(again, first.map((put) => ({ ...put, id: 0 })));
  await script.send(
    puts().map((put, i) => {
      const { id, bodies } = put as unknown as { id: number; bodies?: string[] };
      return bodies ? { id, seqs: bodies.map((_, j) => 10 * i + j + 1) } : { id, seq: 10 * i + 1 };
    }),
  );
  assertEquals(await Promise.all(calls), [1, 2, 11, [21, 22]]);
  await withTimeout(mq.close());
});

Deno.test("a list that is split by smaller limits keeps the attributes of each message, and they count for its size", async () => {
  const small = await testServer(inMemory(), undefined, { inFlight: 100, messageBytes: 100 });
  const host = await testServer(inMemory());
  const { bridge, mq } = await connectedPair(host, { reconnect });
  disconnect(bridge);
  const messages = Array.from(
    { length: 500 },
    (_, i): string | MessageInit =>
      i % 10 === 9
        ? { body: "m", headers: { h: "x".repeat(100) } }
        : i % 3 === 0
        ? { body: "m", key: `${i}` }
        : "m",
  );
  const list = mq.putMany("t", messages);
  const after = settled(mq.put("t", "after", { key: "after" }));
  await reconnectTo(bridge, mq, small);
  const { outcomes } = await assertRejects(() => withTimeout(list), DsmqError);
  assertEquals(
    outcomes!.map((outcome) => typeof outcome === "number" ? "stored" : outcome.code),
    messages.map((_, i) => i % 10 === 9 ? "too_large" : "stored"),
  );
  assertEquals(await after, 451);
  const reader = await connectedPair(small, { since: "start" });
  for (const [i, message] of messages.entries()) {
    if (i % 10 === 9) continue;
    const { key } = (await reader.mq.read("t"))!;
    assertEquals(key, typeof message === "string" ? undefined : message.key);
  }
  assertEquals((await reader.mq.read("t"))!.key, "after");
  await reader.mq.close();
  await closeAll(mq, host, small);
});
