/**
 * The option `freshness: "session"`: reads wait for what their own client knows, and for nothing else.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { FencedStore } from "../support/fenced_store.ts";
import { serveStore } from "../support/served_store.ts";

Deno.test("reads and new connections pass no fence, and find what their client has put", async () => {
  const store = new FencedStore();
  await using server = await serveStore(store, { freshness: "session" });
  store.onFence = () => Promise.reject(new Error("nobody waits for it"));
  await using mq = await connect(server.url);
  await mq.put("t", "1");
  assertEquals(await mq.get("t"), "1");
  await mq.put("t", "2");
  assertEquals(await mq.getLatest("t"), "2");
  assertEquals((await mq.topics()).length, 1);
  const origin = server.url.replace("ws:", "http:");
  assertEquals(await (await fetch(`${origin}/topics/t`)).text(), "1");
  const events = await fetch(`${origin}/topics/t`, { headers: { accept: "text/event-stream" } });
  await events.body!.cancel();
  assertEquals(store.fences, 0);
});

Deno.test("a position that another server has told is waited for", async () => {
  const store = new FencedStore();
  await using server = await serveStore(store, { freshness: "session" });
  await store.arrive("t", "1");
  store.onFence = async () => {
    for (const text of ["2", "3", "4"]) await store.arrive("t", text);
  };
  await using mq = await connect(server.url, { since: `${store.epoch}:3` });
  assertEquals(store.fences, 1);
  assertEquals(await mq.get("t"), "4");
  assertEquals(store.fences, 1);
});
