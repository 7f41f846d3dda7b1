/**
 * Streams that begin at the cursor, and pass over a gap there: reads are still told of it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { ManualClock } from "../../testing/manual_clock.ts";
import { inMemory, settled, store, testServer, turns } from "../support/bridge.ts";
import { closeAll, connectedPair, nextBody, reconnectTo } from "../support/connected_pair.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

const RETENTION = 1000;

for (const onGap of ["oldest", "now"] as const) {
  Deno.test(`a stream from the cursor that passes over a gap (${onGap}) leaves it to the first read`, async () => {
    const clock = new ManualClock();
    await using server = await openServer({ clock, retention: RETENTION });
    await using client = await RawClient.open(server.url);
    await client.request({ action: "put", id: 1, topic: "t", body: "1" });
    clock.advance(RETENTION);
    await client.request({ action: "put", id: 2, topic: "t", body: "2" });
    await client.request({ action: "hello", id: 3, since: { after: 0 } });
    const subscribe = { action: "subscribe", topic: "t", onGap };
    const start = onGap === "now" ? 2 : 1;
    // Without `through`: a client that comes back begins where it was.
    assertEquals(await client.request({ ...subscribe, id: 4 }), { id: 4, sub: 4, start });
    const get = { action: "get", id: 5, topic: "t" };
    const { error, through } = await client.request(get);
    assertEquals([error.code, error.after, through], ["trimmed", 0, 1]);
    assertEquals((await client.request(get)).body, "2");
    // It is told: now there is none.
    const now = { sub: 6, start: 2, through: 2 };
    assertEquals(await client.request({ ...subscribe, id: 6 }), { id: 6, ...now });
  });

  for (const isBroken of [false, true]) {
    Deno.test(`the same of a client that comes back (${onGap}, ${isBroken ? "twice" : "once"})`, async () => {
      const clock = new ManualClock();
      const host = await testServer(inMemory(clock, RETENTION), clock);
      await store(host, "t", "1");
      clock.advance(RETENTION);
      await store(host, "t", "2");
      const { bridge, mq } = await connectedPair(host, { since: `${host.queue.store.epoch}:0` });
      const stream = mq.subscribe("t", { onGap });
      const next = nextBody(stream);
      await turns(3);
      await store(host, "t", "3");
      assertEquals(await next, onGap === "now" ? "3" : "2");
      if (isBroken) await reconnectTo(bridge, mq);
      assertEquals(await settled(mq.get("t")), "error trimmed");
      assertEquals([await mq.get("t"), await mq.get("t"), await mq.get("t")], ["2", "3", ""]);
      await stream.return!();
      await closeAll(mq, host);
    });
  }
}

Deno.test("a stream that ends at the gap of the cursor has told it: who subscribes or reads again goes on behind it", async () => {
  const clock = new ManualClock();
  const host = await testServer(inMemory(clock, RETENTION), clock);
  await store(host, "t", "1");
  clock.advance(RETENTION);
  await store(host, "t", "2");
  const { mq } = await connectedPair(host, { since: `${host.queue.store.epoch}:0` });
  assertEquals(await nextBody(mq.subscribe("t")), "error trimmed");
  const again = mq.subscribe("t");
  assertEquals([await nextBody(again), await mq.get("t")], ["2", "2"]);
  await again.return!();
  await closeAll(mq, host);
});
