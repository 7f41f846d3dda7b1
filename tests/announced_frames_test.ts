/**
 * Large frames are announced to the other end, in bytes: so it does not take one who is slow for dead.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { hostOf, inMemory, settled, store, turns } from "./support/bridge.ts";
import { comeBack, end, joined } from "./support/joined.ts";
import { ManualPeer } from "./support/manual_peer.ts";
import { Scripted, WELCOME } from "./support/scripted.ts";
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
