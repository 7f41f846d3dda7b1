/**
 * Waits while the server is away: their time is the caller's, and those who left are not kept.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { hostOf, inMemory, settled, store, turns, UNSETTLED, until } from "./support/bridge.ts";
import { arrive, end, goAway, joined } from "./support/joined.ts";

async function scene() {
  const host = await hostOf(inMemory());
  const { bridge, mq } = await joined(host);
  return { host, bridge, mq };
}

for (const timeout of [0, 1, 100]) {
  Deno.test(`a getWait of ${timeout} ms is over when its time is, also while the server is away`, async () => {
    const { host, bridge, mq } = await scene();
    goAway(bridge);
    assertEquals(await settled(mq.getWait("t", { timeout })), "");
    assertEquals(await settled(mq.read("t", { mode: "wait", timeout })), undefined);
    await end(mq, host);
  });
}

Deno.test("a getWait that was under way when the server went is over when its time is", async () => {
  const { host, bridge, mq } = await scene();
  const waiting = settled(mq.getWait("t", { timeout: 200 }));
  await turns();
  goAway(bridge);
  assertEquals(await waiting, "");
  await end(mq, host);
});

Deno.test("a getWait is over when its time is where the server takes what it is asked and says nothing", async () => {
  const { host, bridge, mq } = await scene();
  bridge.passes = () => false;
  assertEquals(await settled(mq.getWait("t", { timeout: 100 })), "");
  await end(mq, host);
});

Deno.test("a message that comes after its time goes to the next who reads", async () => {
  const { host, bridge, mq } = await scene();
  const waiting = settled(mq.getWait("t", { timeout: 100 }));
  await turns();
  bridge.holds = () => true;
  await store(host, "t", "1");
  assertEquals(await waiting, "");
  bridge.release();
  assertEquals(await settled(mq.getWait("t")), "1");
  await end(mq, host);
});

Deno.test("waits that are over, or were called off, are not asked again when the server is back", async () => {
  const { host, bridge, mq } = await scene();
  const abort = new AbortController();
  const waits = [
    mq.getWait("t", { signal: abort.signal }),
    mq.getWait("t", { timeout: 100 }),
  ].map((work) => settled(work));
  await turns();
  goAway(bridge);
  waits.push(
    settled(mq.getWait("t", { signal: abort.signal })),
    settled(mq.getWait("t", { timeout: 1 })),
  );
  abort.abort();
  const became = await Promise.all(waits);
  assertEquals(became.map((end) => end === ""), [false, true, false, true]);
  assert(!became.includes(UNSETTLED), `${became}`);
  const before = bridge.up.length;
  await arrive(bridge, mq, host);
  await turns();
  assertEquals(bridge.up.slice(before).filter((frame) => frame.includes("get_wait")), []);
  await end(mq, host);
});

Deno.test("waits that were called off while the server is away leave nothing behind", async () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  const { host, bridge, mq } = await scene();
  goAway(bridge);
  const left: WeakRef<object>[] = [];
  for (let i = 0; i < 100; i++) {
    const abort = new AbortController();
    const reason = { why: "called off" };
    const waiting = mq.getWait("t", { signal: abort.signal }).catch(() => {});
    abort.abort(reason);
    await waiting;
    left.push(new WeakRef(abort.signal), new WeakRef(reason));
  }
  const kept = () => left.filter((ref) => ref.deref()).length;
  // A look at one keeps it until the turn is over.
  await until(() => (gc(), kept() <= 4));
  await end(mq, host);
});

Deno.test("a get and a getWait called off before it was sent: the get gets its message", async () => {
  const { host, bridge, mq } = await scene();
  goAway(bridge);
  const abort = new AbortController();
  const waiting = settled(mq.getWait("t", { signal: abort.signal }));
  const got = settled(mq.get("t"));
  await store(host, "t", "1");
  abort.abort();
  await arrive(bridge, mq, host);
  assertEquals(await got, "1");
  assert((await waiting).startsWith("error "));
  await end(mq, host);
});
