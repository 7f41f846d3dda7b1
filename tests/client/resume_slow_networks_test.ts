/**
 * Slow is not dead: large messages pass a network that takes longer for them than three heartbeats, whatever else is
 * sent meanwhile. All is a hundred times faster here than with the default heartbeat.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { FaultyProxy } from "../faults/proxy.ts";
import { ClientConnection } from "../../connection/client_connection.ts";
import { inMemory, reconnect, settled, store, testServer, turns } from "../support/bridge.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { ALL_PERMISSIONS } from "../support/memory_peer.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** A network of about 0.75 MB a second. */
const SLOW = { piece: 8 * 1024, delay: 11 };

/** A message that takes a second, which is ten heartbeats. */
const BIG = "x".repeat(750_000);

/** Whether a text is the big one, which nobody wants to read in an error. */
function named(text: unknown): unknown {
  return text === BIG ? "big" : text;
}

/** A client behind a slow network, and one near the server. */
async function setup(transport: "builtin" | "hardened") {
  const server = await openServer({ transport });
  const proxy = new FaultyProxy(server.port, () => SLOW);
  const mq = await connect(proxy.url, { reconnect, heartbeatInterval: 100 });
  const near = await connect(server.url);
  return {
    mq,
    near,
    /** Nothing has broken, nor does it afterwards. */
    async assertUnbroken() {
      assertEquals(typeof await settled(mq.put("after", "m"), 20_000), "number");
      assertEquals(proxy.connections, 1);
    },
    async [Symbol.asyncDispose]() {
      await near.close();
      await withTimeout(mq.close(), 10_000);
      await proxy[Symbol.asyncDispose]();
      await server.shutdown();
    },
  };
}

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`a large message is read over a slow network (${transport})`, async () => {
    await using slow = await setup(transport);
    await slow.near.put("t", BIG);
    assertEquals(named(await settled(slow.mq.get("t"), 20_000)), "big");
    await slow.assertUnbroken();
  });

  Deno.test(`a large message is put over a slow network (${transport})`, async () => {
    await using slow = await setup(transport);
    assertEquals(await settled(slow.mq.put("t", BIG), 20_000), 1);
    await slow.assertUnbroken();
  });

  Deno.test(`a large message is read over a slow network while small ones are put (${transport})`, async () => {
    await using slow = await setup(transport);
    await slow.near.put("t", BIG);
    let done = false;
    const got = settled(slow.mq.get("t"), 20_000).finally(() => done = true);
    const puts: Promise<unknown>[] = [];
    // The server receives them at once; the client receives nothing of what it sends meanwhile.
    for (let i = 0; i < 3 && !done; i++) {
      puts.push(settled(slow.mq.put("u", `${i}`), 20_000));
      await slow.near.read("u", { wait: Infinity });
    }
    assertEquals(named(await got), "big");
    await Promise.all(puts);
    await slow.assertUnbroken();
  });
}

Deno.test("large messages are put one after another over a slow network", async () => {
  await using slow = await setup("hardened");
  const puts = [1, 2].map(() => settled(slow.mq.put("t", BIG), 20_000));
  assertEquals(await Promise.all(puts), [1, 2]);
  await slow.assertUnbroken();
});

Deno.test("large messages are read over a slow network, the next requested when one has come", async () => {
  await using slow = await setup("builtin");
  const count = 3;
  for (let i = 0; i < count; i++) await slow.near.put("t", BIG);
  const reader = async (gets: number) => {
    const got = [];
    for (let i = 0; i < gets; i++) got.push(named(await settled(slow.mq.get("t"), 20_000)));
    return got;
  };
  const got = await Promise.all([reader(2), reader(1)]);
  assertEquals(got.flat(), Array(count).fill("big"));
  await slow.assertUnbroken();
});

Deno.test("a stream of large messages passes a slow network, read as they come", async () => {
  await using slow = await setup("hardened");
  const count = 3;
  for (let i = 0; i < count; i++) await slow.near.put("t", BIG);
  await using stream = slow.mq.subscribe("t", { since: "start" });
  for (let i = 0; i < count; i++) {
    const next = await settled(stream.next(), 20_000);
    assertEquals(named(typeof next === "string" ? next : next.value?.body), "big");
  }
  await slow.assertUnbroken();
});

Deno.test("a list of large messages is put over a slow network while others are streamed to it", async () => {
  await using slow = await setup("builtin");
  await using stream = slow.mq.subscribe("u");
  const first = settled(stream.next(), 20_000);
  const put = settled(slow.mq.putMany("t", [BIG, BIG]), 20_000);
  await slow.near.put("u", BIG);
  const next = await first;
  assertEquals(named(typeof next === "string" ? next : next.value?.body), "big");
  const seqs = await put;
  assertEquals(typeof seqs === "string" ? seqs : seqs.length, 2);
  await slow.assertUnbroken();
});

/** A connection whose peer asked for a heartbeat each 1.6 s and then for a large message; the test controls the time. */
async function largeReply() {
  const clock = new ManualClock();
  const host = await testServer(inMemory(clock), clock);
  await store(host, "t", BIG);
  const closed: number[] = [];
  const connection = new ClientConnection(
    host,
    {
      send() {},
      buffered: 0,
      drained: () => Promise.resolve(),
      close: (code) => void closed.push(code),
      closeAndStopReading() {},
      drop() {},
    },
    0,
    ALL_PERMISSIONS,
  );
  const request = async (request: object) => {
    connection.receive(JSON.stringify(request));
    await turns(2);
  };
  await request({ action: "hello", id: 1, heartbeat: 1600 });
  await request({ action: "get", id: 2, topic: "t" });
  return {
    request,
    closed,
    /** Lets this many heartbeats become due. */
    async sendHeartbeats(count: number) {
      for (let part = 0; part < 16 * count; part++) {
        clock.advance(100);
        // Each heartbeat looks into the store.
        await undefined;
      }
      await turns(2);
    },
    async [Symbol.asyncDispose]() {
      connection.end();
      await host[Symbol.asyncDispose]();
    },
  };
}

Deno.test("what a peer sends before a large reply has reached it does not make the reply pass faster", async () => {
  await using peer = await largeReply();
  // It was sent before the reply came.
  await peer.request({ action: "put", id: 3, topic: "u", body: "m" });
  // 16 s: at 8 KiB a second the reply takes 90.
  await peer.sendHeartbeats(10);
  assertEquals(peer.closed, []);
});

Deno.test("a silent peer with a large reply times out when the reply had time to pass", async () => {
  await using peer = await largeReply();
  await peer.sendHeartbeats(20);
  assertEquals(peer.closed, []);
  await peer.sendHeartbeats(45);
  assertEquals(peer.closed, [4408]);
});

Deno.test("a peer that answered the heartbeat behind a large reply has it, and times out like any other", async () => {
  await using peer = await largeReply();
  await peer.sendHeartbeats(1);
  await peer.request({ action: "heartbeat" });
  await peer.sendHeartbeats(5);
  assertEquals(peer.closed, [4408]);
});

Deno.test("a network that passes nothing any more is left after three heartbeats", async () => {
  await using server = await openServer();
  let heldBytes = 0;
  await using proxy = new FaultyProxy(
    server.port,
    // The first connection loses everything behind the handshake and the answer to hello; the next ones are whole.
    (connection) => connection === 0 && heldBytes++ === 0 ? { dropAfterDown: 2000 } : {},
  );
  const mq = await connect(proxy.url, { reconnect, heartbeatInterval: 100 });
  const got = settled(mq.getWait("t", { timeout: 20_000 }), 20_000);
  await using near = await connect(server.url);
  // More than is left of what still passes.
  await near.put("t", "x".repeat(4000));
  assertEquals((await got).length, 4000);
  assertEquals(proxy.connections, 2);
  await withTimeout(mq.close());
});
