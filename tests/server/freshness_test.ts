/**
 * The option `freshness: "session"`: reads wait for what their own client knows, and for nothing else.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { FencedStore } from "../support/fenced_store.ts";
import { ignoredIf } from "../support/ignored_if.ts";
import { openMounted } from "../support/mounted_server.ts";
import { NatsServer, noNats } from "../support/nats_server.ts";
import { openServer } from "../support/open_server.ts";
import { serveStore } from "../support/served_store.ts";
import { withTimeout } from "../support/with_timeout.ts";

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

for (const kind of ["serve", "createHandler"] as const) {
  Deno.test({
    ...ignoredIf(noNats, `${kind} passes it on: reads do not wait for a log that stands still`),
    async fn() {
      await using nats = await NatsServer.start();
      const store = `nats://${nats.host}/orders` as const;
      const options = { store, engine: "node:sqlite", freshness: "session" } as const;
      await using server = kind === "serve" ? await openServer(options) : openMounted(options);
      await using mq = await connect(server.url);
      await mq.put("t", "1");
      await nats.pause();
      try {
        // Sooner than a fence is given up.
        assertEquals(await withTimeout(mq.get("t"), 4000), "1");
      } finally {
        nats.resume();
      }
    },
  });
}
