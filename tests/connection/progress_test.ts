/**
 * Received bytes are a heartbeat: a slow connection is not dead, however slow; and one that does not move is, soon.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { FaultyProxy } from "../faults/proxy.ts";
import { inMemory, reconnect, settled, store, testServer, turns } from "../support/bridge.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { ManualPeer } from "../support/manual_peer.ts";
import { openServer } from "../support/open_server.ts";
import { ScriptedServer, WELCOME } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";

const INTERVAL = 1600;
const BIG = "x".repeat(750_000);

/** A client that sees bytes arrive, and a large frame on its way to it. */
async function receiving(ahead: number) {
  const script = new ScriptedServer();
  script.welcome = { ...WELCOME, heartbeat: INTERVAL };
  script.bytes = 0;
  const mq = await connect(script.url, {
    dial: script.dial,
    reconnect: false,
    heartbeatInterval: INTERVAL,
  });
  await script.send({ ahead });
  return {
    script,
    mq,
    progressFrames: () => script.frames.filter((frame) => frame.includes("received")),
  };
}

Deno.test("a client waits for a frame for as long as its bytes arrive, and reports them to the server", () =>
  inVirtualTime(async () => {
    const { script, mq, progressFrames } = await receiving(900_000);
    assertEquals(script.hello.progress, true);
    // 100 bytes a second: at 8 KiB a second it would have come long ago.
    for (let i = 0; i < 300; i++) {
      await pass(1000);
      script.bytes! += 100;
    }
    assertEquals(mq.status, "connected");
    assert(progressFrames().length > 200, `${progressFrames().length}`);
    assertEquals(new Set(progressFrames()).size, progressFrames().length);
    await mq.close();
  }));

Deno.test("a client with short heartbeats reports progress twice in each, so that a slow uplink has room for more", () =>
  inVirtualTime(async () => {
    const { script, mq, progressFrames } = await receiving(900_000);
    for (let i = 0; i < 200; i++) {
      await pass(INTERVAL / 20);
      script.bytes! += 10;
    }
    assert(
      progressFrames().length >= 18 && progressFrames().length <= 20,
      `${progressFrames().length}`,
    );
    await mq.close();
  }));

for (const [ahead, tolerance] of [[0, 0], [2000, 244], [900_000, 8000]] as const) {
  Deno.test(`a client whose frame of ${ahead} bytes stops arriving gives it ${tolerance} ms more than three intervals`, () =>
    inVirtualTime(async () => {
      const { script, mq, progressFrames } = await receiving(ahead);
      await pass(2 * INTERVAL);
      script.bytes! += 1000;
      await pass(INTERVAL);
      const before = progressFrames().length;
      const begin = performance.now();
      for await (const { status } of mq.statusChanges()) if (status === "closed") break;
      const ms = performance.now() - begin + INTERVAL;
      assert(ms >= 2.5 * INTERVAL + tolerance && ms <= 3 * INTERVAL + tolerance + 1, `${ms} ms`);
      assertEquals(progressFrames().length, before);
    }));
}

Deno.test("a client that does not see bytes reports to the server when frames come without a heartbeat among them", () =>
  inVirtualTime(async () => {
    const script = new ScriptedServer();
    script.welcome = { ...WELCOME, heartbeat: INTERVAL };
    const mq = await connect(script.url, {
      dial: script.dial,
      reconnect: false,
      heartbeatInterval: INTERVAL,
    });
    assertEquals(script.hello.progress, undefined);
    const progressFrames = () => script.frames.filter((frame) => frame.includes("received")).length;
    await script.send({ heartbeat: INTERVAL, time: 1, last: 0, floor: 0 });
    await pass(INTERVAL);
    assertEquals(progressFrames(), 0);
    await script.send({ id: null });
    await pass(INTERVAL);
    assertEquals(progressFrames(), 1);
    await mq.close();
  }));

/** A server that has sent a large answer to a peer. */
async function sending(hello: object, bytesReceived?: number) {
  const clock = new ManualClock();
  const host = await testServer(inMemory(clock), clock);
  await store(host, "t", BIG);
  const peer = new ManualPeer(host);
  peer.bytesReceived = bytesReceived;
  await peer.request({ action: "hello", id: 1, heartbeat: INTERVAL, ...hello });
  return {
    peer,
    /** Lets intervals pass, and does something in each. */
    async pass(intervals: number, act = () => {}) {
      for (let i = 0; i < intervals; i++) {
        act();
        for (let part = 0; part < 16; part++) {
          clock.advance(INTERVAL / 16);
          await turns(1);
        }
      }
    },
    async [Symbol.asyncDispose]() {
      peer[Symbol.dispose]();
      await host[Symbol.asyncDispose]();
    },
  };
}

Deno.test("a server keeps a peer for as long as it reports progress, and knows that it reads", async () => {
  await using server = await sending({ progress: true });
  const { peer } = server;
  await peer.request({ action: "get", id: 2, topic: "t" });
  let received = 0;
  await server.pass(30, () => peer.sendFrame({ action: "heartbeat", received: received += 10 }));
  assertEquals([peer.closedWith, peer.reads], [undefined, 30]);
  // Five intervals are 8 s, for what may arrive at once; and one has passed.
  await server.pass(6);
  assertEquals(peer.closedWith, undefined);
  await server.pass(1);
  assertEquals(peer.closedWith, 4408);
});

Deno.test("a peer that repeats the same byte count has not read", async () => {
  await using server = await sending({ progress: true });
  for (let i = 0; i < 10; i++) server.peer.sendFrame({ action: "heartbeat", received: 5 });
  assertEquals(server.peer.reads, 1);
});

Deno.test("a peer that was rejected and reads nothing is not kept for what it sends", async () => {
  await using server = await sending({ progress: true });
  const { peer } = server;
  peer.sendFrame({ action: "heartbeat", received: 10 });
  peer.connection.rejectToken({ code: "unauthorized", message: "its token is gone" });
  for (let i = 0; i < 10; i++) peer.sendFrame({ action: "heartbeat", received: 20 + i });
  assertEquals(peer.reads, 1);
});

Deno.test("a peer that answers a heartbeat has read it, and one that answers what was not asked has not", async () => {
  await using server = await sending({});
  server.peer.sendFrame({ action: "heartbeat" });
  assertEquals(server.peer.reads, 0);
  await server.pass(1);
  server.peer.sendFrame({ action: "heartbeat" });
  assertEquals(server.peer.reads, 1);
});

Deno.test("a busy peer that reports progress and falls silent times out within three intervals", async () => {
  await using server = await sending({ progress: true });
  const { peer } = server;
  for (let i = 0; i < 5000; i++) peer.sendFrame({ action: "get", id: 10 + i, topic: "u" });
  await server.pass(3);
  assertEquals(peer.closedWith, 4408);
});

Deno.test("a peer whose bytes are seen is kept, however slow they are, and times out when they stop", async () => {
  await using server = await sending({}, 0);
  const { peer } = server;
  peer.sendFrame({ action: "heartbeat", ahead: 2_000_000 });
  await server.pass(20, () => peer.bytesReceived!++);
  assertEquals(peer.closedWith, undefined);
  await server.pass(9);
  assertEquals(peer.closedWith, 4408);
});

Deno.test("a peer that has announced a frame has a second for each KiB if its bytes are not seen", async () => {
  await using server = await sending({});
  const { peer } = server;
  peer.sendFrame({ action: "heartbeat", ahead: 32 * 1024 });
  await server.pass(21);
  assertEquals(peer.closedWith, undefined);
  await server.pass(4);
  assertEquals(peer.closedWith, 4408);
});

/** A network of 5 KB a second, in small pieces. */
const VERY_SLOW = { piece: 125, delay: 25 };

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`a message that takes twenty heartbeats passes up and down a network of 5 KB a second (${transport})`, async () => {
    const message = "x".repeat(10_000);
    await using server = await openServer({ transport });
    await using proxy = new FaultyProxy(server.port, () => VERY_SLOW);
    await using near = await connect(server.url);
    const mq = await connect(proxy.url, { reconnect, heartbeatInterval: 100 });
    await near.put("t", message);
    const [got, seq] = await Promise.all([
      settled(mq.get("t"), 20_000),
      settled(mq.put("u", message), 20_000),
    ]);
    assertEquals([got === message, seq], [true, 2]);
    assertEquals(proxy.connections, 1);
    await withTimeout(mq.close());
  });
}

/** A network of 2 KB a second. */
const SLOWER_YET = { piece: 100, delay: 50 };

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`a put of 2.2 KB that takes four heartbeats passes a network of 2 KB a second (${transport})`, async () => {
    await using server = await openServer({ transport });
    await using proxy = new FaultyProxy(server.port, () => SLOWER_YET);
    const mq = await connect(proxy.url, { reconnect, heartbeatInterval: 300 });
    assertEquals(await settled(mq.put("u", "x".repeat(2200)), 20_000), 1);
    assertEquals(proxy.connections, 1);
    await withTimeout(mq.close());
  });
}
