/**
 * Readers for whose message there is no room: it stays in the store until there is.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { inMemory, store, testServer, turns, until } from "../support/bridge.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { ManualPeer } from "../support/manual_peer.ts";

const RETENTION = 600_000;
const LARGE = "x".repeat(1000);

/** A peer that may be sent nothing until the test permits it. */
class LimitedPeer extends ManualPeer {
  /** How much room it was asked for, in bytes. */
  readonly requested: number[] = [];
  #free: PromiseWithResolvers<void> | undefined = Promise.withResolvers();

  hasRoom(_bytes: number): boolean {
    return this.#free === undefined;
  }

  waitForRoom(bytes: number): Promise<void> {
    this.requested.push(bytes);
    return this.#free?.promise ?? Promise.resolve();
  }

  free(): void {
    const free = this.#free;
    this.#free = undefined;
    free?.resolve();
  }
}

/** How a client reads, and whether it asks before the message is there. */
const READERS: Readonly<Record<string, { readonly requests: readonly object[]; early?: true }>> = {
  "a get": { requests: [{ action: "get" }] },
  "a get_latest": { requests: [{ action: "get_latest" }] },
  "a get among others": { requests: [{ action: "get" }, { action: "get" }] },
  "a get_wait that finds it": { requests: [{ action: "get_wait", timeout: 2 * RETENTION }] },
  "a get_wait that it comes to": {
    requests: [{ action: "get_wait", timeout: 3 * RETENTION }],
    early: true,
  },
  "one of several waits": {
    requests: Array.from({ length: 3 }, () => ({ action: "get_wait", timeout: 3 * RETENTION })),
    early: true,
  },
  "a stream": { requests: [{ action: "subscribe", messages: 9, bytes: 9999, onGap: "oldest" }] },
  "a stream that it comes to": {
    requests: [{ action: "subscribe", messages: 9, bytes: 9999, onGap: "oldest" }],
    early: true,
  },
};

for (const [reader, { requests, early = false }] of Object.entries(READERS)) {
  Deno.test(`${reader} that waits for room holds no message meanwhile: what expires by then is not delivered`, async () => {
    const clock = new ManualClock();
    await using host = await testServer(inMemory(clock, RETENTION), clock);
    using peer = new LimitedPeer(host);
    if (!early) await store(host, "t", LARGE);
    peer.sendFrame(requests.map((request, id) => ({ ...request, id, topic: "t" })));
    await turns(5);
    if (early) {
      await store(host, "t", LARGE);
      await turns(5);
    }
    assertEquals([peer.messages, peer.requested.length > 0], [[], true]);
    clock.advance(RETENTION + 1);
    await store(host, "t", "new");
    peer.free();
    await until(() => peer.messages.length > 0);
    assertEquals(peer.messages[0], "new");
  });
}
