/**
 * What streams is loaded by the first subscription of a process. This file has a process of its own, so here is the first one.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { inMemory, store, testServer, turns, until } from "../support/bridge.ts";
import { ManualPeer } from "../support/manual_peer.ts";

Deno.test("the first subscriptions: one whose connection ends meanwhile opens no stream, and what another connection sends behind its own waits", async () => {
  await using host = await testServer(inMemory());
  await store(host, "t", "1");
  const subscribe = {
    action: "subscribe",
    id: 1,
    topic: "t",
    since: "start",
    messages: 9,
    bytes: 99,
  };
  const gone = new ManualPeer(host);
  gone.sendFrame(JSON.stringify(subscribe));
  // Its frame is being processed.
  for (let i = 0; i < 3; i++) await undefined;
  gone.connection.end();
  const peer = new ManualPeer(host);
  for (
    const request of [
      subscribe,
      { action: "credit", id: 2, sub: 1, messages: 9, bytes: 99 },
      { action: "put", id: 3, topic: "t", body: "2" },
      { action: "unsubscribe", id: 4, sub: 1 },
      { action: "heartbeat", id: 5 },
    ]
  ) peer.sendFrame(JSON.stringify(request));
  await until(() => peer.received.some(({ id }) => id === 5));
  assertEquals(peer.received.flatMap(({ id }) => id ?? []), [1, 2, 3, 4, 5]);
  assertEquals(peer.received.filter(({ error }) => error), []);
  assertEquals(gone.received, []);
  peer.connection.end();
  await turns(1);
  assertEquals([host.queue.listenedTopics, host.budgets.of("totalSubscriptions").holders], [0, 0]);
});
