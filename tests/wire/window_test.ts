/**
 * What counts as a pending request of a connection: requests that ask for something, once each.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { ServerLimits } from "../../protocol/limits.ts";
import { inMemory, store, testServer, turns } from "../support/bridge.ts";
import { HeldStore } from "../support/held_store.ts";
import { ManualPeer } from "../support/manual_peer.ts";

const get = (id: number) => ({ action: "get", id, topic: "t" });
const cancel = { action: "cancel", wait: 9 };

/** A peer whose first request is in progress until the store is released. */
async function waiting(limits: Partial<ServerLimits>, ...messages: string[]) {
  const heldStore = new HeldStore(["read"]);
  const host = await testServer(heldStore, undefined, limits);
  await store(host, "t", ...messages);
  heldStore.hold();
  const peer = new ManualPeer(host);
  return {
    host,
    peer,
    /** The store answers, and all pending requests are carried out. */
    async release() {
      heldStore.release();
      // Requests run in order, and this is the last.
      await peer.request({ action: "heartbeat", id: 1000 });
    },
    async [Symbol.asyncDispose]() {
      heldStore.release();
      peer[Symbol.dispose]();
      await host[Symbol.asyncDispose]();
    },
  };
}

Deno.test("a frame may hold control requests in addition to as many requests as the limit allows", async () => {
  await using host = await testServer(inMemory(), undefined, { frameRequests: 1 });
  await store(host, "t", "a");
  using peer = new ManualPeer(host);
  peer.sendFrame([cancel, get(1), get(2), { ...cancel, id: 3 }]);
  await peer.request({ action: "heartbeat", id: 4 });
  assertEquals([peer.reply(1).body, peer.reply(2).error?.code], ["a", "limit_exceeded"]);
  assertEquals(peer.reply(3), { id: 3 });
});

Deno.test("control requests behind a slow request take no room from others", async () => {
  await using at = await waiting({ inFlight: 2 }, "a", "b");
  at.peer.sendFrame([get(1), cancel, cancel, cancel]);
  await turns(3);
  at.peer.sendFrame(get(2));
  await at.release();
  assertEquals([at.peer.reply(1).body, at.peer.reply(2).body], ["a", "b"]);
});

Deno.test("when a frame finds room for some of its requests, the control requests before them take none of it", async () => {
  await using at = await waiting({ inFlight: 2 }, "a", "b", "c");
  at.peer.sendFrame(get(1));
  await turns(3);
  at.peer.sendFrame(get(2));
  at.peer.sendFrame([cancel, get(3), get(4)]);
  await at.release();
  assertEquals([at.peer.reply(2).body, at.peer.reply(3).body], ["b", "c"]);
  assertEquals(at.peer.reply(4).error.code, "limit_exceeded");
});

/** The same JSON in another spelling. */
const SPELLINGS: Readonly<Record<string, (json: string) => string>> = {
  "without spaces": (json) => json,
  "with spaces": (json) => json.replaceAll(":", " : ").replaceAll(",", " , "),
  "with a letter escaped": (json) => json.replaceAll("action", "a\\u0063tion"),
};

for (const [how, encode] of Object.entries(SPELLINGS)) {
  Deno.test(`requests count the same in JSON ${how}`, async () => {
    await using at = await waiting({ inFlight: 40 });
    at.peer.sendFrame(get(0));
    await turns(3);
    const gets = Array.from({ length: 100 }, (_, i) => get(i + 1));
    at.peer.sendFrame(encode(JSON.stringify([...Array(50).fill(cancel), ...gets])));
    await at.release();
    const refused = at.peer.received.filter(({ error }) => error?.code === "limit_exceeded");
    assertEquals(refused.map(({ id }) => id), Array.from({ length: 60 }, (_, i) => i + 41));
  });
}

Deno.test("puts of dsmq 1.x in a list count towards the bytes alone", async () => {
  await using at = await waiting({ inFlight: 1 });
  at.peer.sendFrame(get(1));
  await turns(3);
  const put = { action: "put", topic: "t", message: "m" };
  at.peer.sendFrame([put, put]);
  await at.release();
  assertEquals(at.host.queue.counts.stored, 2);
});

Deno.test("control requests are not a flood, however little room there is", async () => {
  await using at = await waiting({ inFlight: 1, inFlightBytes: 64 });
  at.peer.sendFrame(get(1));
  await turns(3);
  at.peer.sendFrame({ action: "put", id: 2, topic: "t", body: "m" });
  const credits = [1, 2, 3, 4, 5].map((sub) => ({ action: "credit", sub, messages: 1, bytes: 1 }));
  at.peer.sendFrame(credits);
  // A client that floods would receive nothing more.
  await at.release();
  assertEquals([at.peer.reply(1).body, at.peer.reply(2).seq], ["", 1]);
});
