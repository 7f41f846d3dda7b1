/**
 * When a client that looks for a server gives up: the time away since something was answered counts, and nothing else.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect, type Connection } from "@dsmq/server";
import { type Bridge, hostOf, inMemory, settled, type TestHost, turns } from "./support/bridge.ts";
import { beat, end, goAway, joined } from "./support/joined.ts";
import { ManualClock } from "./support/manual_clock.ts";
import { Scripted } from "./support/scripted.ts";
import { virtually } from "./support/virtually.ts";

const GIVE_UP_AFTER = 1000;
const reconnect = { firstPause: 10, longestPause: 50, giveUpAfter: GIVE_UP_AFTER };

const pass = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A client and a server, in virtual time. */
function scene(
  test: (at: {
    readonly mq: Connection;
    readonly bridge: Bridge;
    readonly host: TestHost;
    readonly clock: ManualClock;
    /** The server is away for a time (ms); whether the client comes back after it, or has given up. */
    awayFor(ms: number): Promise<string>;
  }) => Promise<void>,
): Promise<void> {
  return virtually(async () => {
    const clock = new ManualClock();
    const host = await hostOf(inMemory(clock), clock);
    const { bridge, mq } = await joined(host, { reconnect });
    const awayFor = async (ms: number) => {
      goAway(bridge);
      await pass(ms);
      bridge.host = host;
      await pass(2 * reconnect.longestPause);
      return mq.state;
    };
    await test({ mq, bridge, host, clock, awayFor });
    await end(mq, host);
  });
}

/** Why a client was closed. */
async function reason(mq: Connection): Promise<string | undefined> {
  for await (const { state, why } of mq.states()) if (state === "closed") return why;
}

Deno.test("a client gives up once it was away for as long as it was told, and not before", () =>
  scene(async ({ mq, bridge }) => {
    goAway(bridge);
    await pass(GIVE_UP_AFTER - 1);
    assertEquals(mq.state, "reconnecting");
    await pass(1 + reconnect.longestPause);
    assertEquals(mq.state, "closed");
    assert((await reason(mq))!.includes("nobody answered for 1.0 s"));
  }));

Deno.test("the time for which it was away adds up over connections on which nothing was answered", () =>
  scene(async ({ mq, bridge, awayFor }) => {
    assertEquals([await awayFor(400), await awayFor(400)], ["connected", "connected"]);
    goAway(bridge);
    await pass(40);
    assertEquals(mq.state, "reconnecting");
    await pass(160 + reconnect.longestPause);
    assertEquals(mq.state, "closed");
  }));

Deno.test("the time for which it was connected in between does not count, though nothing was answered", () =>
  scene(async ({ bridge, awayFor }) => {
    for (let i = 0; i < 4; i++) {
      assertEquals(await awayFor(100), "connected");
      await pass(5000);
    }
    assertEquals(bridge.up.filter((frame) => !frame.includes('"hello"')), []);
  }));

for (
  const [what, answer] of [
    ["an answer", ({ mq }) => mq.put("t", "m")],
    ["a message of a stream", async ({ mq, host }) => {
      const stream = mq.subscribe("t", { since: "now" });
      await turns(3);
      await host.queue.append([{ topic: "t", body: '"m"', bytes: 3 }]);
      await stream.next();
      await stream.return!();
    }],
    ["a heartbeat", async ({ clock, bridge }) => {
      const { length } = bridge.down;
      beat(clock);
      await turns(3);
      assert(bridge.down.slice(length).some((frame) => frame.includes('"heartbeat"')));
    }],
  ] as [string, (at: Parameters<Parameters<typeof scene>[0]>[0]) => Promise<unknown>][]
) {
  Deno.test(`the time is counted anew after ${what}`, () =>
    scene(async (at) => {
      for (let i = 0; i < 5; i++) {
        assertEquals(await at.awayFor(600), "connected");
        await answer(at);
      }
    }));
}

Deno.test("that a server is stopping is no answer: the time goes on", () =>
  virtually(async () => {
    const script = new Scripted();
    const mq = await connect({ dial: script.dial, reconnect });
    const got = settled(mq.getWait("t", { timeout: 1e9 }), 1e9);
    const stopping = { code: "stopping", message: "Cannot wait: the server is stopping" };
    const begin = performance.now();
    const stops = (async () => {
      while (mq.state !== "closed") {
        const { id } = await script.next();
        await script.say({ id, error: stopping });
        script.hangUp(1012);
      }
    })();
    assertEquals(await got, "error closed");
    const took = performance.now() - begin;
    assert(took >= GIVE_UP_AFTER && took < 2 * GIVE_UP_AFTER, `it gave up after ${took} ms`);
    void stops;
  }));

Deno.test("one from which much is refused for good is not given up: somebody is there to refuse it", () =>
  scene(async ({ mq, bridge }) => {
    bridge.refuses = (frame) => frame.includes("bad") ? 1009 : undefined;
    const puts = Array.from({ length: 100 }, () => settled(mq.put("t", "bad"), 60_000));
    const last = settled(mq.put("t", "good"), 60_000);
    assertEquals(await Promise.all(puts), puts.map(() => "error unknown_outcome"));
    assertEquals(await last, 1);
    assert(bridge.dialled > 100, "each alone, so that the pauses take longer than the time");
  }));

Deno.test("however short the time, one try is made; and without an answer the next break is the last", () =>
  virtually(async () => {
    const host = await hostOf(inMemory(new ManualClock()));
    const short = { firstPause: 100, longestPause: 100, giveUpAfter: 0 };
    const { bridge, mq } = await joined(host, { reconnect: short });
    bridge.cut();
    await pass(150);
    assertEquals([mq.state, bridge.dialled], ["connected", 2]);
    bridge.cut();
    await pass(150);
    assertEquals([mq.state, bridge.dialled], ["closed", 2]);
    await end(mq, host);
  }));

Deno.test("time asleep does not count: after waking the client goes on for what was left", () =>
  virtually(async (time) => {
    const script = new Scripted();
    const mq = await connect({
      dial: script.dial,
      reconnect: { ...reconnect, giveUpAfter: 10_000 },
    });
    script.away = true;
    script.hangUp();
    await pass(4000);
    time.now += 300_000;
    const { now } = Date;
    Date.now = () => now() + 660_000;
    await pass(4000);
    assertEquals(mq.state, "reconnecting");
    Date.now = () => now() - 660_000;
    await pass(3200);
    assertEquals(mq.state, "closed");
    Date.now = now;
    assert(/before it was open.*nobody answered for 10\.\d s/.test((await reason(mq))!));
  }));

Deno.test("however often it was tried, a pause stays a number of milliseconds", () =>
  virtually(async () => {
    const script = new Scripted();
    const endless = { firstPause: 0, longestPause: 1, giveUpAfter: Infinity };
    const mq = await connect({ dial: script.dial, reconnect: endless });
    const { setTimeout } = globalThis;
    const wrong: unknown[] = [];
    globalThis.setTimeout = ((callback: () => void, ms?: number) => {
      if (!(ms! >= 0)) wrong.push(ms);
      return setTimeout(callback, ms);
    }) as typeof setTimeout;
    script.away = true;
    script.hangUp();
    while (script.dialled < 1200) await pass(10);
    globalThis.setTimeout = setTimeout;
    assertEquals([mq.state, wrong], ["reconnecting", []]);
    script.away = false;
    await pass(10);
    assertEquals(mq.state, "connected");
  }));

Deno.test("a pause that is longer than any timer is no short one", async () => {
  const script = new Scripted();
  const never = { firstPause: Number.MAX_VALUE, longestPause: Infinity };
  const mq = await connect({ dial: script.dial, reconnect: never });
  script.away = true;
  script.hangUp();
  await pass(20);
  assertEquals([mq.state, script.dialled], ["reconnecting", 1]);
  await mq.close();
});
