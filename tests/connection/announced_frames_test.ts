/**
 * Large frames are announced to the other end, in bytes, so that a slow peer is not taken for a dead one.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { BURST_BYTES, MIN_PEER_SPEED, MIN_UPLOAD_SPEED } from "../../protocol/heartbeat.ts";
import { maxRequestFrameBytes } from "../../protocol/frame_sizes.ts";
import { DEFAULT_LIMITS } from "../../protocol/limits.ts";
import { inMemory, settled, store, testServer, turns, until } from "../support/bridge.ts";
import { closeAll, connectedPair, reconnectTo } from "../support/connected_pair.ts";
import { ManualPeer } from "../support/manual_peer.ts";
import { ScriptedServer, WELCOME } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";
import { inVirtualTime } from "../support/in_virtual_time.ts";

/** Three bytes each, and one character in JSON. */
const WIDE_CHARACTER = "漢";

/** How many bytes the frames have that came after an announcement, and what it stated. */
function announced(frames: readonly string[]): { ahead: number; bytes: number }[] {
  return frames.flatMap((frame, i) => {
    const { ahead } = JSON.parse(frame);
    return ahead === undefined
      ? []
      : [{ ahead, bytes: new TextEncoder().encode(frames[i + 1]!).length }];
  });
}

for (
  const [what, message, count] of [
    ["more than 10 KiB in few characters", WIDE_CHARACTER.repeat(3450), 1],
    ["much more", WIDE_CHARACTER.repeat(300_000), 1],
    ["more than 10 KiB of ASCII", "x".repeat(10_500), 1],
    ["less than that in very many characters", "x".repeat(10_000), 0],
    ["a little less than that in few", WIDE_CHARACTER.repeat(3380), 0],
  ] as const
) {
  Deno.test(`a client that puts ${what} ${count ? "announces exactly its bytes" : "announces nothing"}`, async () => {
    const host = await testServer(inMemory());
    const { bridge, mq } = await connectedPair(host);
    await mq.put("t", message);
    const found = announced(bridge.up);
    await closeAll(mq, host);
    assertEquals(found.length, count);
    for (const { ahead, bytes } of found) assertEquals(ahead, bytes);
  });
}

for (
  const [what, message, count] of [
    ["more than 64 KiB in few characters", WIDE_CHARACTER.repeat(60_000), 1],
    ["much more", WIDE_CHARACTER.repeat(300_000), 1],
    ["more than 64 KiB of ASCII", "x".repeat(70_000), 1],
    ["less than that in very many characters", "x".repeat(60_000), 0],
    ["a little less than that in few", WIDE_CHARACTER.repeat(21_805), 0],
  ] as const
) {
  Deno.test(`a server that sends ${what} ${count ? "announces at least its bytes" : "announces nothing"}`, async () => {
    await using host = await testServer(inMemory());
    await store(host, "t", message);
    using peer = new ManualPeer(host);
    await peer.request({ action: "hello", id: 1, heartbeat: 10_000 });
    await peer.request({ action: "get", id: 2, topic: "t" });
    const found = peer.received.filter(({ ahead }) => ahead !== undefined);
    assertEquals(found.length, count);
    const bytes = new TextEncoder().encode(message).length;
    for (const { ahead } of found) {
      assert(ahead >= bytes && ahead < bytes + 200, `${ahead} of ${bytes}`);
    }
  });
}

Deno.test("a large put that is sent again after a break is announced again", async () => {
  const host = await testServer(inMemory());
  const { bridge, mq } = await connectedPair(host);
  bridge.passes = (frame) => !frame.includes('"seq"');
  const put = settled(mq.put("t", "x".repeat(200_000)));
  await turns(4);
  assertEquals(announced(bridge.up).length, 1);
  bridge.passes = () => true;
  await reconnectTo(bridge, mq);
  assertEquals(await put, 1);
  const [first, again] = announced(bridge.up);
  await closeAll(mq, host);
  assertEquals([first!.ahead, again?.ahead], [first!.bytes, again?.bytes]);
  assert(again!.ahead > 200_000);
});

for (const ahead of [-1e15, "much", null, 0.5, 2 ** 53]) {
  Deno.test(`a client leaves a server that announces ${ahead} bytes`, async () => {
    const script = new ScriptedServer();
    const mq = await connect(script.url, { dial: script.dial });
    await script.send({ ahead });
    assertEquals(mq.status, "closed");
    await mq.close();
  });
}

for (const ahead of [0, 1e15, Number.MAX_SAFE_INTEGER]) {
  Deno.test(`a server that announces ${ahead} bytes and then falls silent times out, but not at once`, async () => {
    await inVirtualTime(async () => {
      const script = new ScriptedServer();
      script.welcome = { ...WELCOME, heartbeat: 100 };
      const mq = await connect(script.url, {
        dial: script.dial,
        reconnect: false,
        heartbeatInterval: 100,
      });
      const begin = performance.now();
      await script.send({ ahead });
      const got = await mq.get("t").catch(({ code }) => code);
      const ms = performance.now() - begin;
      assertEquals(got, "closed");
      assert(ms >= 250 && ms < 400_000, `${ms} ms`);
      await mq.close();
    });
  });
}

Deno.test("a message that is larger than may be put now has all the time that it takes to arrive", () =>
  inVirtualTime(async () => {
    const script = new ScriptedServer();
    const ahead = 4 * 1024 * 1024;
    const limits = { ...DEFAULT_LIMITS, largestMessageBytes: ahead };
    assert(ahead > maxRequestFrameBytes(DEFAULT_LIMITS));
    script.welcome = { ...WELCOME, limits, heartbeat: 100 };
    const mq = await connect(script.url, {
      dial: script.dial,
      reconnect: false,
      heartbeatInterval: 100,
    });
    const begin = performance.now();
    await script.send({ ahead });
    assertEquals(await mq.get("t").catch(({ code }) => code), "closed");
    const ms = performance.now() - begin;
    assert(ms >= 1000 * ahead / MIN_PEER_SPEED, `${ms} ms`);
    await mq.close();
  }));

/** The next subscription that a client sends. */
async function subscribed(script: ScriptedServer): Promise<number> {
  for (;;) {
    const { action, id } = await withTimeout(script.next());
    if (action === "subscribe") return id;
  }
}

const again = { minDelay: 0, maxDelay: 0 };

Deno.test("a client gives up in the end on a server that announces a message of a stream and closes instead, again and again", () =>
  inVirtualTime(async () => {
    const script = new ScriptedServer();
    const mq = await connect(script.url, { dial: script.dial, reconnect: again });
    const stream = mq.subscribe("t", { since: "start", onGap: () => "oldest" });
    const next = stream.next().catch(({ code }) => code);
    let through = 0;
    for (; mq.status !== "closed" && through < 1200; through++) {
      const id = await subscribed(script);
      await script.send({ id, sub: id, start: through });
      await script.send({ ahead: 99, sub: id, through: through + 1 });
      script.hangUp(1009);
    }
    assertEquals(await withTimeout(next), "protocol_error");
    assert(through > 1000 && through < 1010, `${through} times`);
    await mq.close();
  }));

Deno.test("a server that announces a message that a stream has delivered already, and closes, ends the connection", async () => {
  const script = new ScriptedServer();
  const mq = await connect(script.url, { dial: script.dial, reconnect: again });
  const stream = mq.subscribe("t", { since: "start", onGap: () => "oldest" });
  let id = await subscribed(script);
  await script.send({ id, sub: id, start: 0 });
  await script.send({ sub: id, prev: 0, bytes: 3, seqs: [5], times: [1], bodies: ["m"] });
  assertEquals((await stream.next()).value?.seq, 5);
  const next = stream.next().catch(({ code }) => code);
  for (let round = 0; mq.status !== "closed" && round < 5; round++) {
    await script.send({ ahead: 99, sub: id, through: 4 });
    script.hangUp(1009);
    if ((mq.status as string) === "closed") break;
    id = await subscribed(script);
    await script.send({ id, sub: id, start: 5 });
  }
  assertEquals([await withTimeout(next), mq.status], ["protocol_error", "closed"]);
  await mq.close();
});

Deno.test("a subscription whose answer never comes through starts nowhere else: it ends", async () => {
  const script = new ScriptedServer();
  const mq = await connect(script.url, { dial: script.dial, reconnect: again });
  const stream = mq.subscribe("t", { since: 7, onGap: () => "oldest" });
  const next = stream.next().catch(({ code }) => code);
  for (let round = 0; round < 2; round++) {
    const id = await subscribed(script);
    await script.send({ ahead: 99, answers: id });
    script.hangUp(1009);
  }
  assertEquals([await withTimeout(next), mq.status], ["refused", "reconnecting"]);
  await mq.close();
});

for (
  const [what, ...frames] of [
    ["twice", { ahead: 99 }, { ahead: 5 }],
    ["as an answer to no request", { ahead: 99, answers: 77, through: 3 }],
    ["as a stream that was never opened", { ahead: 99, sub: 77, through: 3 }],
    ["as hello", { ahead: 99, answers: 1 }],
    ["as almost nothing", { ahead: 0 }],
    ["as the maximum", {
      ahead: Number.MAX_SAFE_INTEGER,
      through: Number.MAX_SAFE_INTEGER,
    }],
  ] as [string, ...object[]][]
) {
  for (const code of [undefined, 1006, 1009]) {
    const then = code === undefined ? "comes" : `is lost with its connection (${code})`;
    Deno.test(`an announcement ${what} harms nobody; an answer that ${then} arrives in the end`, async () => {
      const script = new ScriptedServer();
      const mq = await connect(script.url, { dial: script.dial, reconnect: again });
      const get = mq.get("t");
      for (let round = 0; code !== undefined && round < 3; round++) {
        for (const frame of frames) await script.send(frame);
        script.hangUp(code);
        await until(() => mq.status === "connected" && script.unread.length > 0);
        script.unread.splice(0, script.unread.length - 1);
      }
      for (const frame of frames) await script.send(frame);
      const request = await withTimeout(script.next());
      await script.reply(request, { seq: 1, body: "x".repeat(3000) });
      assertEquals((await withTimeout(get)).length, 3000);
      await mq.close();
    });
  }
}

for (const frames of [[99, 5], [Number.MAX_SAFE_INTEGER], [0], [5]]) {
  Deno.test(`a client that announces ${frames} bytes and sends something else, or nothing, is answered as usual`, async () => {
    await using host = await testServer(inMemory());
    using peer = new ManualPeer(host);
    await peer.request({ action: "hello", id: 1, heartbeat: 10_000 });
    for (const ahead of frames) peer.sendFrame({ action: "heartbeat", ahead });
    assertEquals((await peer.request({ action: "put", id: 2, topic: "t", body: "m" })).seq, 1);
    assert(peer.connection.liveness.slack <= 1000 * BURST_BYTES / MIN_PEER_SPEED);
    for (const ahead of frames) peer.sendFrame({ action: "heartbeat", ahead });
    const max = maxRequestFrameBytes(DEFAULT_LIMITS) / MIN_UPLOAD_SPEED +
      BURST_BYTES / MIN_PEER_SPEED;
    assert(peer.connection.liveness.slack <= 1000 * max, "it is bounded");
    peer.sendFrame({ action: "heartbeat" });
    assert(peer.connection.liveness.slack <= 1000 * BURST_BYTES / MIN_PEER_SPEED);
    assertEquals(peer.closedWith, undefined);
  });
}
