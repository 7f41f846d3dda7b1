/**
 * A wait ends at its timeout, whichever end is away; and time asleep does not count.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type Connection } from "@dsmq/server";
import { ScriptedServer, WELCOME } from "../support/scripted_server.ts";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";

/** The ways in which a server can be away: what is done to it once the client is connected. */
const ABSENCES: Readonly<Record<string, (script: ScriptedServer) => void>> = {
  "is stopped, or behind a dead connection": () => {},
  "has gone for good"(script) {
    script.unreachable = true;
    script.hangUp();
  },
  "comes back and stays silent"(script) {
    script.hangUp();
  },
  "never answers hello again"(script) {
    script.silent = true;
    script.hangUp();
  },
  "opens no socket any more"(script) {
    script.stuck = true;
    script.hangUp();
  },
};

/** The result of a call, and how long it took. */
async function timed(call: () => Promise<unknown>): Promise<[unknown, number]> {
  const begin = performance.now();
  const outcome = await call().catch(({ name, code }) => code ?? name);
  return [outcome, performance.now() - begin];
}

/** A client of a server that is away, and that does not answer a close frame either. */
async function connectThenLose(lose: (script: ScriptedServer) => void): Promise<Connection> {
  const script = new ScriptedServer({ answersClose: false });
  script.welcome = { ...WELCOME, heartbeat: 10_000 };
  const mq = await connect(script.url, { dial: script.dial });
  lose(script);
  await pass(100);
  return mq;
}

for (const [how, lose] of Object.entries(ABSENCES)) {
  Deno.test(`waits end at their timeout when the server ${how}`, () =>
    inVirtualTime(async () => {
      const mq = await connectThenLose(lose);
      const signal = () => AbortSignal.timeout(2000);
      const found = await Promise.all([
        timed(() => mq.getWait("t", { timeout: 1000 })),
        timed(() => mq.read("t", { wait: 40_000 })),
        timed(() => mq.getWait("t", { timeout: 60_000, signal: signal() })),
        timed(() => mq.read("u", { wait: 10_000, signal: signal() })),
        timed(() => mq.subscribe("t", { signal: signal() }).next()),
      ]);
      const timeout = DOMException.TIMEOUT_ERR;
      assertEquals(found.map(([outcome]) => outcome), ["", undefined, timeout, timeout, timeout]);
      for (const [i, ms] of [1000, 40_000, 2000, 2000, 2000].entries()) {
        assert(Math.abs(found[i]![1] - ms) < 10, `${i}: ${found[i]![1]} ms`);
      }
      await mq.close();
    }));

  Deno.test(`close takes no more than six seconds, and ends all, when the server ${how}`, () =>
    inVirtualTime(async () => {
      const mq = await connectThenLose(lose);
      const states = Array.fromAsync(mq.statusChanges());
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
      assertEquals((await states).at(-1)?.status, "closed");
      assertEquals((await timed(() => mq.close()))[1], 0);
      await assertRejects(() => mq.get("t"), Error, "closed");
    }));
}

Deno.test("a client that slept goes on waiting for the rest of its timeout, even if the server went on counting", () =>
  inVirtualTime(async (time) => {
    const script = new ScriptedServer();
    const mq = await connect(script.url, { dial: script.dial });
    const begin = time.now;
    const got = timed(() => mq.getWait("t", { timeout: 10_000 }));
    const request = await script.next();
    await pass(4000);
    time.now += 60_000;
    // By its own clock the timeout was over long ago.
    await script.reply(request);
    const again = await script.next();
    assert(again.timeout > 4900 && again.timeout <= 6000, `${again.timeout}`);
    await script.reply(again, { seq: 7, body: "after all" });
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
  inVirtualTime(async () => {
    const script = new ScriptedServer();
    const mq = await connect(script.url, { dial: script.dial });
    const got = mq.getWait("t", { timeout: 10_000 });
    await script.reply(await script.next());
    assertEquals(await got, "");
    assertEquals(script.unread, []);
    await mq.close();
  }));

Deno.test("a wall clock that is set forward or back neither ends a wait nor prolongs it", () =>
  inVirtualTime(async () => {
    const mq = await connectThenLose(ABSENCES["has gone for good"]!);
    const { now } = Date;
    for (const hours of [1, -1]) {
      const wait = timed(() => mq.getWait("t", { timeout: 5000 }));
      Date.now = () => now() + hours * 3_600_000;
      assert(Math.abs((await wait)[1] - 5000) < 10);
    }
    Date.now = now;
    await mq.close();
  }));
