/**
 * What a peer is sent when there is little room for unread data: reads, lists and streams wait for room.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Budget } from "../../budgets/budget.ts";
import type { ServerContext } from "../../connection/server_context.ts";
import { serve } from "../../server.ts";
import { connect } from "../../client.ts";
import { UnreadLimiter } from "../../transports/unread_limiter.ts";
import { inMemory, store, testServer, turns } from "../support/bridge.ts";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { ManualPeer } from "../support/manual_peer.ts";
import { withTimeout } from "../support/with_timeout.ts";

const MIB = 1024 * 1024;

/** A peer with little room, until there is more. */
class NarrowPeer extends ManualPeer {
  readonly requested: number[] = [];
  readonly #more = Promise.withResolvers<void>();
  #room: number;

  constructor(host: ServerContext, room: number) {
    super(host);
    this.#room = room;
  }

  hasRoom(bytes: number): boolean {
    return bytes <= this.#room;
  }

  waitForRoom(bytes: number): Promise<void> {
    this.requested.push(bytes);
    return this.#more.promise;
  }

  widen(room: number): void {
    this.#room = room;
    this.#more.resolve();
  }
}

for (const action of ["get", "get_latest"]) {
  Deno.test(`a single ${action} of a large message waits for room like all others`, async () => {
    const clock = new ManualClock();
    await using host = await testServer(inMemory(clock), clock);
    await store(host, "t", "x".repeat(1000));
    using peer = new NarrowPeer(host, 0);
    const reply = peer.request({ action, id: 1, topic: "t" });
    await turns(5);
    assertEquals([peer.received, peer.requested], [[], [1002]]);
    peer.widen(2000);
    assertEquals((await reply).body.length, 1000);
  });
}

Deno.test("a list of topics waits for room like large messages, and is read then", async () => {
  const clock = new ManualClock();
  await using host = await testServer(inMemory(clock), clock);
  await store(host, "a".repeat(200), "");
  using peer = new NarrowPeer(host, 100);
  const reply = peer.request({ action: "topics", id: 1 });
  await turns(5);
  assertEquals([peer.received, peer.requested.length, peer.requested[0]! > 200], [[], 1, true]);
  await store(host, "b", "");
  peer.widen(1000);
  const { topics } = await reply;
  assertEquals(topics.map(({ topic }: { topic: string }) => topic), ["a".repeat(200), "b"]);
});

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`${transport}: large messages reach every reader in order, even with room for few at a time`, async () => {
    const log = { info() {}, warn() {}, error: console.error };
    const limits = { totalUnreadBytes: 4 * MIB };
    await using server = await serve({ port: 0, transport, limits, log });
    const stop = new AbortController();
    const readers = await Promise.all(Array.from({ length: 12 }, () => connect(server.url)));
    const seen = readers.map(async (mq, i) => {
      const got: string[] = [];
      if (i % 3 === 2) {
        while (got.length < 6) {
          got.push((await mq.getWait("large", { timeout: 20_000 })).slice(0, 1));
        }
        return got;
      }
      if (i % 3 === 1) {
        while (got.length < 6) {
          const text = await mq.get("large");
          if (text !== "") got.push(text.slice(0, 1));
          else await new Promise((resolve) => setTimeout(resolve, 10));
        }
        return got;
      }
      for await (const { body } of mq.subscribe("large", { signal: stop.signal })) {
        if (got.push(body.slice(0, 1)) === 6) break;
      }
      return got;
    });
    await using writer = await connect(server.url);
    for (let i = 0; i < 6; i++) await writer.put("large", `${i}`.repeat(900_000));
    const all = await withTimeout(Promise.all(seen), 30_000);
    for (const got of all) assertEquals(got, ["0", "1", "2", "3", "4", "5"]);
    stop.abort();
    for (const mq of readers) await mq.close();
  });
}

Deno.test("while much is unread, a peer with more than its share must read first, until others have read", () =>
  inVirtualTime(async () => {
    const unread = new UnreadLimiter(new Budget({ own: 1000, shared: 100_000 }));
    let remaining = 60_000;
    const slow = unread.open("10.0.0.1", () => remaining);
    const other = unread.open("10.0.0.1", () => 2000);
    assertEquals(other.mustReadFirst(2000), false);
    slow.onSent();
    assertEquals([other.mustReadFirst(1000), other.mustReadFirst(1001)], [false, true]);
    remaining = 0;
    await pass(30);
    assertEquals(other.mustReadFirst(1001), false);
    unread.stop();
  }));
