/**
 * When a reconnecting client gives up: only the time without a connection since the last answer counts.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect, type Connection } from "@dsmq/server";
import {
  type Bridge,
  inMemory,
  settled,
  type TestServer,
  testServer,
  turns,
} from "../support/bridge.ts";
import { closeAll, connectedPair, disconnect, heartbeat } from "../support/connected_pair.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { ScriptedServer } from "../support/scripted_server.ts";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";
import { BAD } from "../support/refusing_intermediary.ts";

const TIMEOUT = 1000;
const reconnect = { minDelay: 10, maxDelay: 50, timeout: TIMEOUT };

/** A client and a server, in virtual time. */
function setup(
  test: (at: {
    readonly mq: Connection;
    readonly bridge: Bridge;
    readonly host: TestServer;
    readonly clock: ManualClock;
    /** The server is away for a time (ms); whether the client reconnects after it, or has given up. */
    disconnectFor(ms: number): Promise<string>;
  }) => Promise<void>,
): Promise<void> {
  return inVirtualTime(async () => {
    const clock = new ManualClock();
    const host = await testServer(inMemory(clock), clock);
    const { bridge, mq } = await connectedPair(host, { reconnect });
    const disconnectFor = async (ms: number) => {
      disconnect(bridge);
      await pass(ms);
      bridge.host = host;
      await pass(2 * reconnect.maxDelay);
      return mq.status;
    };
    await test({ mq, bridge, host, clock, disconnectFor });
    await closeAll(mq, host);
  });
}

/** Why a client was closed. */
async function reason(mq: Connection): Promise<string | undefined> {
  for await (const { status, reason } of mq.statusChanges()) if (status === "closed") return reason;
}

Deno.test("a client gives up once it was disconnected for its timeout, and not before", () =>
  setup(async ({ mq, bridge }) => {
    disconnect(bridge);
    await pass(TIMEOUT - 1);
    assertEquals(mq.status, "reconnecting");
    await pass(1 + reconnect.maxDelay);
    assertEquals(mq.status, "closed");
    assert((await reason(mq))!.includes("given up after 1.0 s"));
  }));

Deno.test("the disconnected time adds up over connections on which nothing was answered", () =>
  setup(async ({ mq, bridge, disconnectFor }) => {
    assertEquals([await disconnectFor(400), await disconnectFor(400)], ["connected", "connected"]);
    disconnect(bridge);
    await pass(40);
    assertEquals(mq.status, "reconnecting");
    await pass(160 + reconnect.maxDelay);
    assertEquals(mq.status, "closed");
  }));

Deno.test("the connected time in between does not count, even if nothing was answered", () =>
  setup(async ({ bridge, disconnectFor }) => {
    for (let i = 0; i < 4; i++) {
      assertEquals(await disconnectFor(100), "connected");
      await pass(5000);
    }
    assertEquals(bridge.up.filter((frame) => !frame.includes('"hello"')), []);
  }));

for (
  const [what, reply] of [
    ["an answer", ({ mq }) => mq.put("t", "m")],
    ["a message of a stream", async ({ mq, host }) => {
      const stream = mq.subscribe("t", { since: "now" });
      await turns(3);
      await host.queue.apply([{ type: "put", topic: "t", body: '"m"', bytes: 3 }]);
      await stream.next();
      await stream.return!();
    }],
    ["a heartbeat", async ({ clock, bridge }) => {
      const { length } = bridge.down;
      heartbeat(clock);
      await turns(3);
      assert(bridge.down.slice(length).some((frame) => frame.includes('"heartbeat"')));
    }],
  ] as [string, (at: Parameters<Parameters<typeof setup>[0]>[0]) => Promise<unknown>][]
) {
  Deno.test(`the time counts anew after ${what}`, () =>
    setup(async (at) => {
      for (let i = 0; i < 5; i++) {
        assertEquals(await at.disconnectFor(600), "connected");
        await reply(at);
      }
    }));
}

Deno.test("a shutting_down error is not an answer: the time goes on", () =>
  inVirtualTime(async () => {
    const script = new ScriptedServer();
    const mq = await connect(script.url, { dial: script.dial, reconnect });
    const got = settled(mq.getWait("t", { timeout: 1e9 }), 1e9);
    const stopping = { code: "shutting_down", message: "Cannot wait: the server is stopping" };
    const begin = performance.now();
    const stops = (async () => {
      while (mq.status !== "closed") {
        const { id } = await script.next();
        await script.send({ id, error: stopping });
        script.hangUp(1012);
      }
    })();
    assertEquals(await got, "error closed");
    const took = performance.now() - begin;
    assert(took >= TIMEOUT && took < 2 * TIMEOUT, `it gave up after ${took} ms`);
    void stops;
  }));

Deno.test("a server that refuses many requests for good is not given up on: it does answer", () =>
  setup(async ({ mq, bridge }) => {
    bridge.refuses = (frame) => frame.includes(BAD) ? 1009 : undefined;
    const puts = Array.from({ length: 100 }, () => settled(mq.put("t", BAD), 60_000));
    const last = settled(mq.put("t", "good"), 60_000);
    assertEquals(await Promise.all(puts), puts.map(() => "error unknown_outcome"));
    assertEquals(await last, 1);
    assert(bridge.dials > 100, "each alone, so that the delays take longer than the timeout");
  }));

Deno.test("however short the timeout, one attempt is made; and without an answer the next break is the last", () =>
  inVirtualTime(async () => {
    const host = await testServer(inMemory(new ManualClock()));
    const short = { minDelay: 100, maxDelay: 100, timeout: 0 };
    const { bridge, mq } = await connectedPair(host, { reconnect: short });
    bridge.cut();
    await pass(150);
    assertEquals([mq.status, bridge.dials], ["connected", 2]);
    bridge.cut();
    await pass(150);
    assertEquals([mq.status, bridge.dials], ["closed", 2]);
    await closeAll(mq, host);
  }));

Deno.test("time asleep does not count: after waking the client continues with the time that was left", () =>
  inVirtualTime(async (time) => {
    const script = new ScriptedServer();
    const mq = await connect(script.url, {
      dial: script.dial,
      reconnect: { ...reconnect, timeout: 10_000 },
    });
    script.unreachable = true;
    script.hangUp();
    await pass(4000);
    time.now += 300_000;
    const { now } = Date;
    Date.now = () => now() + 660_000;
    await pass(4000);
    assertEquals(mq.status, "reconnecting");
    Date.now = () => now() - 660_000;
    await pass(3200);
    assertEquals(mq.status, "closed");
    Date.now = now;
    assert(/before it was open.*given up after 10\.\d s/.test((await reason(mq))!));
  }));

Deno.test("however many attempts were made, a delay stays a number of milliseconds", () =>
  inVirtualTime(async () => {
    const script = new ScriptedServer();
    const endless = { minDelay: 0, maxDelay: 1, timeout: Infinity };
    const mq = await connect(script.url, { dial: script.dial, reconnect: endless });
    const { setTimeout } = globalThis;
    const wrong: unknown[] = [];
    globalThis.setTimeout = ((callback: () => void, ms?: number) => {
      if (!(ms! >= 0)) wrong.push(ms);
      return setTimeout(callback, ms);
    }) as typeof setTimeout;
    script.unreachable = true;
    script.hangUp();
    while (script.dials < 1200) await pass(10);
    globalThis.setTimeout = setTimeout;
    assertEquals([mq.status, wrong], ["reconnecting", []]);
    script.unreachable = false;
    await pass(10);
    assertEquals(mq.status, "connected");
  }));

Deno.test("a delay that is longer than any timer is not cut short", async () => {
  const script = new ScriptedServer();
  const never = { minDelay: Number.MAX_VALUE, maxDelay: Infinity };
  const mq = await connect(script.url, { dial: script.dial, reconnect: never });
  script.unreachable = true;
  script.hangUp();
  await pass(20);
  assertEquals([mq.status, script.dials], ["reconnecting", 1]);
  await mq.close();
});
