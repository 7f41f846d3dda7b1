/**
 * Waits while the server is away: their timeout is the caller's, and those that were given up are not kept.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  inMemory,
  settled,
  store,
  testServer,
  turns,
  UNSETTLED,
  until,
} from "../support/bridge.ts";
import { closeAll, connectedPair, disconnect, letReconnect } from "../support/connected_pair.ts";

async function setup() {
  const host = await testServer(inMemory());
  const { bridge, mq } = await connectedPair(host);
  return { host, bridge, mq };
}

for (const timeout of [0, 1, 100]) {
  Deno.test(`a getWait of ${timeout} ms ends at its timeout, even if the server is away`, async () => {
    const { host, bridge, mq } = await setup();
    disconnect(bridge);
    assertEquals(await settled(mq.getWait("t", { timeout })), "");
    assertEquals(await settled(mq.read("t", { wait: timeout })), undefined);
    await closeAll(mq, host);
  });
}

Deno.test("a getWait that was in flight when the server went away ends at its timeout", async () => {
  const { host, bridge, mq } = await setup();
  const waiting = settled(mq.getWait("t", { timeout: 200 }));
  await turns();
  disconnect(bridge);
  assertEquals(await waiting, "");
  await closeAll(mq, host);
});

Deno.test("a getWait ends at its timeout if the server accepts requests and stays silent", async () => {
  const { host, bridge, mq } = await setup();
  bridge.passes = () => false;
  assertEquals(await settled(mq.getWait("t", { timeout: 100 })), "");
  await closeAll(mq, host);
});

Deno.test("a message that comes after the timeout goes to the next reader", async () => {
  const { host, bridge, mq } = await setup();
  const waiting = settled(mq.getWait("t", { timeout: 100 }));
  await turns();
  bridge.holds = () => true;
  await store(host, "t", "1");
  assertEquals(await waiting, "");
  bridge.release();
  assertEquals(await settled(mq.getWait("t")), "1");
  await closeAll(mq, host);
});

Deno.test("waits that have ended, or were cancelled, are not sent again when the server is back", async () => {
  const { host, bridge, mq } = await setup();
  const abort = new AbortController();
  const waits = [
    mq.getWait("t", { signal: abort.signal }),
    mq.getWait("t", { timeout: 100 }),
  ].map((work) => settled(work));
  await turns();
  disconnect(bridge);
  waits.push(
    settled(mq.getWait("t", { signal: abort.signal })),
    settled(mq.getWait("t", { timeout: 1 })),
  );
  abort.abort();
  const outcomes = await Promise.all(waits);
  assertEquals(outcomes.map((end) => end === ""), [false, true, false, true]);
  assert(!outcomes.includes(UNSETTLED), `${outcomes}`);
  const before = bridge.up.length;
  await letReconnect(bridge, mq, host);
  await turns();
  assertEquals(bridge.up.slice(before).filter((frame) => frame.includes("get_wait")), []);
  await closeAll(mq, host);
});

Deno.test("waits that were cancelled while the server is away leave nothing behind", async () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  const { host, bridge, mq } = await setup();
  disconnect(bridge);
  const refs: WeakRef<object>[] = [];
  for (let i = 0; i < 100; i++) {
    const abort = new AbortController();
    const reason = { reason: "cancelled" };
    const waiting = mq.getWait("t", { signal: abort.signal }).catch(() => {});
    abort.abort(reason);
    await waiting;
    refs.push(new WeakRef(abort.signal), new WeakRef(reason));
  }
  const aliveCount = () => refs.filter((ref) => ref.deref()).length;
  // A look at one keeps it until the turn is over.
  await until(() => (gc(), aliveCount() <= 4));
  await closeAll(mq, host);
});

Deno.test("a get and a getWait cancelled before it was sent: the get gets its message", async () => {
  const { host, bridge, mq } = await setup();
  disconnect(bridge);
  const abort = new AbortController();
  const waiting = settled(mq.getWait("t", { signal: abort.signal }));
  const got = settled(mq.get("t"));
  await store(host, "t", "1");
  abort.abort();
  await letReconnect(bridge, mq, host);
  assertEquals(await got, "1");
  assert((await waiting).startsWith("error "));
  await closeAll(mq, host);
});
