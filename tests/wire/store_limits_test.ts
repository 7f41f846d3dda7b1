/**
 * What a client sees of a full store.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { connect, DsmqError, serve } from "@dsmq/server";

/** Ten bytes of body, one of topic, and 100. */
const SIZE = 111;

Deno.test("a put past the limit rejects with full and the limit; other topics and readers are unaffected", async () => {
  const limits = { storedBytes: 3 * SIZE, topics: 2 };
  await using server = await serve({ port: 0, limits });
  await using mq = await connect(server.url);
  await using reader = await connect(server.url);
  for (const n of [1, 2, 3]) await mq.put("t", `message${n}`);
  const full = await assertRejects(() => mq.put("t", "message4"), DsmqError);
  assertEquals([full.code, full.limit], ["full", 333]);
  const list = await assertRejects(() => mq.putMany("t", ["message4", "message5"]), DsmqError);
  assertEquals(list.code, "full");
  assertEquals(list.outcomes?.map((one) => typeof one === "number" ? one : one.code), [
    "full",
    "full",
  ]);
  for (const n of [1, 2, 3]) assertEquals(await reader.get("t"), `message${n}`);
  assertEquals(server.stats().stored, 3);
});

Deno.test("a put that would create one topic too many rejects with limit_exceeded and the limit", async () => {
  await using server = await serve({ port: 0, limits: { topics: 2 } });
  await using mq = await connect(server.url);
  await mq.put("a", "1");
  await mq.put("b", "1");
  const error = await assertRejects(() => mq.put("c", "1"), DsmqError);
  assertEquals([error.code, error.limit], ["limit_exceeded", 2]);
  await mq.put("a", "2");
});

Deno.test("a reader whose unread messages were dropped is told: trimmed", async () => {
  const limits = { storedBytes: 3 * SIZE };
  await using server = await serve({ port: 0, limits, overflow: "drop-oldest" });
  await using mq = await connect(server.url);
  await mq.put("t", "message1");
  await using late = await connect(server.url, { since: "start" });
  assertEquals(await late.get("t"), "message1");
  for (const n of [2, 3, 4, 5]) await mq.put("t", `message${n}`);
  const error = await assertRejects(async () => {
    for await (const _ of late.subscribe("t", { since: 1 }));
  }, DsmqError);
  assertEquals([error.code, error.after, error.floor, error.last], ["trimmed", 1, 2, 5]);
});
