/**
 * Large frames are announced to the other end, in bytes: so it does not take one who is slow for dead.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { largestFrame, LUMP, PEER_SPEED, SLOWEST, USUAL_LIMITS } from "../protocol/limits.ts";
import { hostOf, inMemory, settled, store, turns, until } from "./support/bridge.ts";
import { comeBack, end, joined } from "./support/joined.ts";
import { ManualPeer } from "./support/manual_peer.ts";
import { Scripted, WELCOME } from "./support/scripted.ts";
import { soon } from "./support/soon.ts";
import { virtually } from "./support/virtually.ts";

/** Three bytes each, and a character of JSON. */
const WIDE = "漢";

/** How many bytes the frames have that came behind an announcement, and what that said. */
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
    ["more than 10 KiB in few characters", WIDE.repeat(3450), 1],
    ["much more", WIDE.repeat(300_000), 1],
    ["more than 10 KiB of ASCII", "x".repeat(10_500), 1],
    ["less than that in very many characters", "x".repeat(10_000), 0],
    ["a little less than that in few", WIDE.repeat(3380), 0],
  ] as const
) {
  Deno.test(`a client that puts ${what} ${count ? "announces exactly its bytes" : "announces nothing"}`, async () => {
    const host = await hostOf(inMemory());
    const { bridge, mq } = await joined(host);
    await mq.put("t", message);
    const found = announced(bridge.up);
    await end(mq, host);
    assertEquals(found.length, count);
    for (const { ahead, bytes } of found) assertEquals(ahead, bytes);
  });
}

for (
  const [what, message, count] of [
    ["more than 64 KiB in few characters", WIDE.repeat(60_000), 1],
    ["much more", WIDE.repeat(300_000), 1],
    ["more than 64 KiB of ASCII", "x".repeat(70_000), 1],
    ["less than that in very many characters", "x".repeat(60_000), 0],
    ["a little less than that in few", WIDE.repeat(21_805), 0],
  ] as const
) {
  Deno.test(`a server that sends ${what} ${count ? "announces at least its bytes" : "announces nothing"}`, async () => {
    await using host = await hostOf(inMemory());
    await store(host, "t", message);
    using peer = new ManualPeer(host);
    await peer.ask({ action: "hello", id: 1, heartbeat: 10_000 });
    await peer.ask({ action: "get", id: 2, topic: "t" });
    const found = peer.received.filter(({ ahead }) => ahead !== undefined);
    assertEquals(found.length, count);
    const bytes = new TextEncoder().encode(message).length;
    for (const { ahead } of found) {
      assert(ahead >= bytes && ahead < bytes + 200, `${ahead} of ${bytes}`);
    }
  });
}

Deno.test("a large put that is sent again after a break is announced again", async () => {
  const host = await hostOf(inMemory());
  const { bridge, mq } = await joined(host);
  bridge.passes = (frame) => !frame.includes('"seq"');
  const put = settled(mq.put("t", "x".repeat(200_000)));
  await turns(4);
  assertEquals(announced(bridge.up).length, 1);
  bridge.passes = () => true;
  await comeBack(bridge, mq);
  assertEquals(await put, 1);
  const [first, again] = announced(bridge.up);
  await end(mq, host);
  assertEquals([first!.ahead, again?.ahead], [first!.bytes, again?.bytes]);
  assert(again!.ahead > 200_000);
});

for (const ahead of [-1e15, "much", null, 0.5, 2 ** 53]) {
  Deno.test(`a server that announces ${ahead} bytes is left`, async () => {
    const script = new Scripted();
    const mq = await connect({ dial: script.dial });
    await script.say({ ahead });
    assertEquals(mq.state, "closed");
    await mq.close();
  });
}

for (const ahead of [0, 1e15, Number.MAX_SAFE_INTEGER]) {
  Deno.test(`a server that announces ${ahead} bytes and says nothing more is given up, and not at once`, async () => {
    await virtually(async () => {
      const script = new Scripted();
      script.welcome = { ...WELCOME, heartbeat: 100 };
      const mq = await connect({ dial: script.dial, reconnect: false, heartbeat: 100 });
      const begin = performance.now();
      await script.say({ ahead });
      const got = await mq.get("t").catch(({ code }) => code);
      const ms = performance.now() - begin;
      assertEquals(got, "closed");
      assert(ms >= 250 && ms < 400_000, `${ms} ms`);
      await mq.close();
    });
  });
}

/** The next subscription that a client asks for. */
async function subscribed(script: Scripted): Promise<number> {
  for (;;) {
    const { action, id } = await soon(script.next());
    if (action === "subscribe") return id;
  }
}

const again = { firstPause: 0, longestPause: 0 };

Deno.test("a server that announces a message of a stream and closes instead, without end, is left in the end", async () => {
  const script = new Scripted();
  const mq = await connect({ dial: script.dial, reconnect: again });
  const stream = mq.subscribe("t", { since: "start", onGap: () => "oldest" });
  const next = stream.next().catch(({ code }) => code);
  let through = 0;
  for (; mq.state !== "closed" && through < 1200; through++) {
    const id = await subscribed(script);
    await script.say({ id, sub: id, start: through });
    await script.say({ ahead: 99, sub: id, through: through + 1 });
    script.hangUp(1009);
  }
  assertEquals(await soon(next), "bad_answer");
  assert(through > 1000 && through < 1010, `${through} times`);
  await mq.close();
});

Deno.test("a server that announces what a stream has brought already, and closes, ends the connection", async () => {
  const script = new Scripted();
  const mq = await connect({ dial: script.dial, reconnect: again });
  const stream = mq.subscribe("t", { since: "start", onGap: () => "oldest" });
  let id = await subscribed(script);
  await script.say({ id, sub: id, start: 0 });
  await script.say({ sub: id, prev: 0, bytes: 3, seqs: [5], times: [1], messages: ["m"] });
  assertEquals((await stream.next()).value?.seq, 5);
  const next = stream.next().catch(({ code }) => code);
  for (let round = 0; mq.state !== "closed" && round < 5; round++) {
    await script.say({ ahead: 99, sub: id, through: 4 });
    script.hangUp(1009);
    if ((mq.state as string) === "closed") break;
    id = await subscribed(script);
    await script.say({ id, sub: id, start: 5 });
  }
  assertEquals([await soon(next), mq.state], ["bad_answer", "closed"]);
  await mq.close();
});

Deno.test("a subscription whose answer does not come through, each time, begins nowhere else: it ends", async () => {
  const script = new Scripted();
  const mq = await connect({ dial: script.dial, reconnect: again });
  const stream = mq.subscribe("t", { since: 7, onGap: () => "oldest" });
  const next = stream.next().catch(({ code }) => code);
  for (let round = 0; round < 2; round++) {
    const id = await subscribed(script);
    await script.say({ ahead: 99, answers: id });
    script.hangUp(1009);
  }
  assertEquals([await soon(next), mq.state], ["refused", "reconnecting"]);
  await mq.close();
});

for (
  const [what, ...frames] of [
    ["twice", { ahead: 99 }, { ahead: 5 }],
    ["as something that nobody asked for", { ahead: 99, answers: 77, through: 3 }],
    ["as a stream that nobody began", { ahead: 99, sub: 77, through: 3 }],
    ["as hello", { ahead: 99, answers: 1 }],
    ["as next to nothing", { ahead: 0 }],
    ["as all that there can be", {
      ahead: Number.MAX_SAFE_INTEGER,
      through: Number.MAX_SAFE_INTEGER,
    }],
  ] as [string, ...object[]][]
) {
  for (const code of [undefined, 1006, 1009]) {
    const then = code === undefined ? "comes" : `is lost with its connection (${code})`;
    Deno.test(`nobody is worse off for what is announced ${what}; an answer that ${then} is had in the end`, async () => {
      const script = new Scripted();
      const mq = await connect({ dial: script.dial, reconnect: again });
      const get = mq.get("t");
      for (let round = 0; code !== undefined && round < 3; round++) {
        for (const frame of frames) await script.say(frame);
        script.hangUp(code);
        await until(() => mq.state === "connected" && script.unread.length > 0);
        script.unread.splice(0, script.unread.length - 1);
      }
      for (const frame of frames) await script.say(frame);
      const asked = await soon(script.next());
      await script.give(asked, { seq: 1, body: "x".repeat(3000) });
      assertEquals((await soon(get)).length, 3000);
      await mq.close();
    });
  }
}

for (const frames of [[99, 5], [Number.MAX_SAFE_INTEGER], [0], [5]]) {
  Deno.test(`a client that announces ${frames} bytes and says something else, or nothing, is answered as ever`, async () => {
    await using host = await hostOf(inMemory());
    using peer = new ManualPeer(host);
    await peer.ask({ action: "hello", id: 1, heartbeat: 10_000 });
    for (const ahead of frames) peer.tell({ action: "heartbeat", ahead });
    assertEquals((await peer.ask({ action: "put", id: 2, topic: "t", message: "m" })).seq, 1);
    assert(peer.session.slack <= 1000 * LUMP / PEER_SPEED);
    for (const ahead of frames) peer.tell({ action: "heartbeat", ahead });
    const most = largestFrame(USUAL_LIMITS) / SLOWEST + LUMP / PEER_SPEED;
    assert(peer.session.slack <= 1000 * most, "it is bounded");
    peer.tell({ action: "heartbeat" });
    assert(peer.session.slack <= 1000 * LUMP / PEER_SPEED);
    assertEquals(peer.closedWith, undefined);
  });
}
