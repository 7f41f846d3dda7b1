/**
 * A wait ends when its time is over, whoever is away; and time asleep is no time of it.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type Connection } from "@dsmq/server";
import { Scripted, WELCOME } from "./support/scripted.ts";
import { virtually } from "./support/virtually.ts";

/** Lets virtual time pass. */
const pass = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** How a server can be away: what is done to it once the client is connected. */
const AWAY: Readonly<Record<string, (script: Scripted) => void>> = {
  "is stopped, or behind a dead line": () => {},
  "is gone for good"(script) {
    script.away = true;
    script.hangUp();
  },
  "comes back and says nothing more"(script) {
    script.hangUp();
  },
  "never answers hello again"(script) {
    script.mute = true;
    script.hangUp();
  },
  "opens no socket any more"(script) {
    script.stuck = true;
    script.hangUp();
  },
};

/** What a call gives, and how long it took. */
async function timed(call: () => Promise<unknown>): Promise<[unknown, number]> {
  const begin = performance.now();
  const outcome = await call().catch(({ name, code }) => code ?? name);
  return [outcome, performance.now() - begin];
}

/** A client of a server that is away, which does not answer a goodbye either. */
async function lonely(away: (script: Scripted) => void): Promise<Connection> {
  const script = new Scripted({ polite: false });
  script.welcome = { ...WELCOME, heartbeat: 10_000 };
  const mq = await connect({ dial: script.dial });
  away(script);
  await pass(100);
  return mq;
}

for (const [how, away] of Object.entries(AWAY)) {
  Deno.test(`waits end in their time where the server ${how}`, () =>
    virtually(async () => {
      const mq = await lonely(away);
      const signal = () => AbortSignal.timeout(2000);
      const found = await Promise.all([
        timed(() => mq.getWait("t", { timeout: 1000 })),
        timed(() => mq.read("t", { mode: "wait", timeout: 40_000 })),
        timed(() => mq.getWait("t", { timeout: 60_000, signal: signal() })),
        timed(() => mq.read("u", { mode: "wait", signal: signal() })),
        timed(() => mq.subscribe("t", { signal: signal() }).next()),
      ]);
      const timeout = DOMException.TIMEOUT_ERR;
      assertEquals(found.map(([outcome]) => outcome), ["", undefined, timeout, timeout, timeout]);
      for (const [i, ms] of [1000, 40_000, 2000, 2000, 2000].entries()) {
        assert(Math.abs(found[i]![1] - ms) < 10, `${i}: ${found[i]![1]} ms`);
      }
      await mq.close();
    }));

  Deno.test(`close takes no more than six seconds, and ends all, where the server ${how}`, () =>
    virtually(async () => {
      const mq = await lonely(away);
      const states = Array.fromAsync(mq.states());
      const calls = [
        mq.putMany("t", ["a", "b"]),
        mq.put("t", "c"),
        mq.get("t"),
        mq.getWait("t", { timeout: 60_000 }),
        mq.topics(),
        mq.subscribe("t").next(),
      ].map((call) => timed(() => call));
      const [, ms] = await timed(() => mq.close());
      assert(ms <= 6001, `${ms} ms`);
      await Promise.all(calls);
      assertEquals((await states).at(-1)?.state, "closed");
      assertEquals((await timed(() => mq.close()))[1], 0);
      await assertRejects(() => mq.get("t"), Error, "closed");
    }));
}

Deno.test("a client that slept goes on waiting for what was left, also where the server has counted on", () =>
  virtually(async (time) => {
    const script = new Scripted();
    const mq = await connect({ dial: script.dial });
    const begin = time.now;
    const got = timed(() => mq.getWait("t", { timeout: 10_000 }));
    const asked = await script.next();
    await pass(4000);
    time.now += 60_000;
    // Its own time was over long ago.
    await script.give(asked);
    const again = await script.next();
    assert(again.timeout > 4900 && again.timeout <= 6000, `${again.timeout}`);
    await script.give(again, { seq: 7, body: "after all" });
    assertEquals((await got)[0], "after all");
    const empty = timed(() => mq.getWait("t", { timeout: 10_000 }));
    await pass(4000);
    time.now += 60_000;
    assertEquals((await empty)[0], "");
    const awake = time.now - begin - 120_000;
    assert(awake > 13_000 && awake < 14_200, `${awake}`);
    await mq.close();
  }));

Deno.test("a server that answers waits at once is believed, and not asked again and again", () =>
  virtually(async () => {
    const script = new Scripted();
    const mq = await connect({ dial: script.dial });
    const got = mq.getWait("t", { timeout: 10_000 });
    await script.give(await script.next());
    assertEquals(await got, "");
    assertEquals(script.unread, []);
    await mq.close();
  }));

Deno.test("a wall clock that is set forward or back neither ends a wait nor prolongs it", () =>
  virtually(async () => {
    const mq = await lonely(AWAY["is gone for good"]!);
    const { now } = Date;
    for (const hours of [1, -1]) {
      const wait = timed(() => mq.getWait("t", { timeout: 5000 }));
      Date.now = () => now() + hours * 3_600_000;
      assert(Math.abs((await wait)[1] - 5000) < 10);
    }
    Date.now = now;
    await mq.close();
  }));
