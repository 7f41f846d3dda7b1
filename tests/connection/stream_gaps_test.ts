/**
 * Streams before their first message: whatever is lost after they have begun, before it was sent, is a gap.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { inMemory, store, testServer, turns } from "../support/bridge.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { ManualPeer } from "../support/manual_peer.ts";

const RETENTION = 1000;

for (
  const [from, since] of [
    ["the start", "start"],
    ["the cursor", undefined],
    ["now", "now"],
    ["a time", { time: 1 }],
  ] as const
) {
  Deno.test(`a stream from ${from} that waits for its peer to read reports what expired meanwhile`, async () => {
    const clock = new ManualClock();
    await using host = await testServer(inMemory(clock, RETENTION), clock);
    await store(host, "t", "before");
    using peer = new ManualPeer(host);
    assertEquals((await peer.request({ action: "get", id: 1, topic: "t" })).body, "before");
    peer.sendFrame({ action: "subscribe", id: 2, topic: "t", messages: 10, bytes: 10_000, since });
    peer.stopReading(300_000);
    await turns(3);
    const { start } = peer.reply(2);
    assertEquals(start, since === "start" || since === Object(since) ? 0 : 1);
    await store(host, "t", "expires");
    await turns(3);
    clock.advance(RETENTION + 500);
    await store(host, "t", "comes too late");
    peer.read();
    await turns();
    const streamed = peer.received.filter(({ sub, id }) => sub === 2 && id === undefined);
    // It was opened without `onGap`, so that ends it.
    assertEquals(streamed.map(({ error }) => [error?.code, error?.after]), [["trimmed", start]]);
  });

  Deno.test(`for a stream from ${from}, what had expired before it began is not a gap`, async () => {
    const clock = new ManualClock();
    await using host = await testServer(inMemory(clock, RETENTION), clock);
    await store(host, "t", "expired");
    clock.advance(RETENTION);
    using peer = new ManualPeer(host);
    const request = { action: "subscribe", topic: "t", messages: 10, bytes: 10_000, since };
    assertEquals((await peer.request({ ...request, id: 2 })).start, 1);
    await store(host, "t", "comes");
    await turns(3);
    assertEquals(peer.messages, ["comes"]);
  });
}
