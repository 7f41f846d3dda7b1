/**
 * Heartbeats: either end notices a dead connection within three intervals, whenever it died; and a peer that slept
 * does not time out others for what it did not receive meanwhile.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { Heartbeats } from "../../connection/heartbeats.ts";
import { inMemory, testServer, turns, until } from "../support/bridge.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { ManualPeer } from "../support/manual_peer.ts";
import { ScriptedServer, WELCOME } from "../support/scripted_server.ts";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";

const INTERVAL = 1600;

/** Time moves in steps of this length. */
const MOMENT = INTERVAL / 16;

/** A server with a peer that answers heartbeats until it is dead. */
async function served() {
  const clock = new ManualClock();
  const host = await testServer(inMemory(clock), clock);
  const peer = new ManualPeer(host);
  await peer.request({ action: "hello", id: 1, heartbeat: INTERVAL });
  let answered = peer.received.length;
  return {
    clock,
    peer,
    /** Lets time pass; the peer answers, if it is alive. */
    async pass(ms: number, lives: boolean) {
      for (let remaining = ms; remaining > 0; remaining -= MOMENT) {
        clock.advance(Math.min(remaining, MOMENT));
        await turns(1);
        const sent = peer.received.length - answered;
        answered += sent;
        if (lives) { for (let i = 0; i < sent; i++) peer.sendFrame({ action: "heartbeat" }); }
      }
    },
    async [Symbol.asyncDispose]() {
      peer[Symbol.dispose]();
      await host[Symbol.asyncDispose]();
    },
  };
}

for (const diedAt of [0.02, 0.3, 0.55, 0.8, 0.98]) {
  Deno.test(`a server notices a connection that died after ${diedAt} of an interval within two to three`, async () => {
    await using server = await served();
    await server.pass((5 + diedAt) * INTERVAL, true);
    let silent = 0;
    while (server.peer.closedWith === undefined && silent < 10 * INTERVAL) {
      await server.pass(MOMENT, false);
      silent += MOMENT;
    }
    assertEquals(server.peer.closedWith, 4408);
    assert(silent <= 3 * INTERVAL && silent > 1.5 * INTERVAL, `${silent / INTERVAL} intervals`);
  });

  Deno.test(`a client notices a connection that died after ${diedAt} of an interval within two to three`, () =>
    inVirtualTime(async () => {
      const script = new ScriptedServer();
      script.welcome = { ...WELCOME, heartbeat: INTERVAL };
      const mq = await connect(script.url, {
        dial: script.dial,
        reconnect: false,
        heartbeatInterval: INTERVAL,
      });
      for (let i = 0; i < 5; i++) {
        await pass(INTERVAL);
        await script.send({ heartbeat: INTERVAL, time: 1, last: 0, floor: 0 });
      }
      await pass(diedAt * INTERVAL);
      const begin = performance.now();
      for await (const { status } of mq.statusChanges()) if (status === "closed") break;
      const silent = (performance.now() - begin) / INTERVAL;
      assert(silent <= 3 && silent > 1.5, `${silent} intervals`);
    }));
}

Deno.test("a server that was stopped for long times out none of the clients whose heartbeats it has not read yet", async () => {
  await using server = await served();
  for (const awake of [3, 3.3, 3.6, 3.9]) {
    await server.pass(awake * INTERVAL, true);
    server.clock.set(server.clock.now() + 100 * INTERVAL);
    // What was due long ago happens now, before what arrived meanwhile is read.
    server.clock.advance(1);
    await turns(1);
    server.clock.advance(INTERVAL / 8);
    await turns(1);
    assertEquals(server.peer.closedWith, undefined);
  }
  await server.pass(3 * INTERVAL, false);
  assertEquals(server.peer.closedWith, 4408);
});

Deno.test("a client that slept does not time out a server that it has not read yet, but does if it stays silent", () =>
  inVirtualTime(async (time) => {
    const script = new ScriptedServer();
    script.welcome = { ...WELCOME, heartbeat: INTERVAL };
    const mq = await connect(script.url, {
      dial: script.dial,
      reconnect: false,
      heartbeatInterval: INTERVAL,
    });
    const sendOne = () => script.send({ heartbeat: INTERVAL, time: 1, last: 0, floor: 0 });
    for (const awake of [0.1, 1.3, 2.2]) {
      await pass(awake * INTERVAL);
      time.now += 100 * INTERVAL;
      await pass(INTERVAL / 2);
      await sendOne();
      assertEquals(mq.status, "connected");
    }
    await pass(3 * INTERVAL);
    assertEquals(mq.status, "closed");
  }));

Deno.test("thousands of connections that die at one moment time out in slices, each once", async () => {
  const clock = new ManualClock();
  await using host = await testServer(inMemory(clock), clock);
  const heartbeats = new Heartbeats(host.queue);
  let silent = 0;
  for (let i = 0; i < 5000; i++) {
    heartbeats.start({
      ...{ hadActivity: () => false, slack: 0, sendHeartbeat() {} },
      onHeartbeatTimeout: () => void silent++,
    }, INTERVAL);
  }
  let max = 0;
  for (let ms = 0; ms < 6 * INTERVAL; ms += MOMENT) {
    const before = silent;
    clock.advance(MOMENT);
    max = Math.max(max, silent - before);
    await turns(1);
  }
  await until(() => silent >= 5000);
  await turns(5);
  assert(max <= 64, `${max} timed out in one slice`);
  assertEquals(silent, 5000);
  heartbeats.stop();
});

Deno.test("whatever intervals clients ask for, a handful of timers serve them, and each is asked and timed out in time", async () => {
  let timers = 0;
  const clock = new class extends ManualClock {
    override after(ms: number, callback: () => void): () => void {
      timers++;
      return super.after(ms, callback);
    }
  }();
  await using host = await testServer(inMemory(clock), clock);
  const peers = Array.from({ length: 500 }, () => new ManualPeer(host));
  const every = (i: number) => 1000 + 7 * i;
  for (const [i, peer] of peers.entries()) {
    peer.sendFrame({ action: "hello", id: 1, heartbeat: every(i) });
  }
  await turns(1);
  assert(timers < 64 + 13, `${timers} timers`);
  const closedAt: number[] = [];
  for (let at = 0; at < 3 * every(500); at += 50) {
    clock.advance(50);
    await turns(1);
    for (const [i, { closedWith, received }] of peers.entries()) {
      if (at > every(i)) assert(received.some(({ heartbeat }) => heartbeat === every(i)));
      if (closedWith === undefined) continue;
      assertEquals(closedWith, 4408);
      closedAt[i] ??= at;
    }
  }
  for (let i = 0; i < peers.length; i++) {
    const intervals = closedAt[i]! / every(i);
    assert(
      intervals > 2 && intervals < 3.1,
      `given up after ${intervals} intervals of ${every(i)}`,
    );
  }
  for (const peer of peers) peer[Symbol.dispose]();
});

/** A server with this many connections that say nothing, whose heartbeats are recorded; each timer is this late (ms). */
async function silentTargets(count: number, interval: number, late = 0) {
  const clock = new class extends ManualClock {
    override after(ms: number, callback: () => void): () => void {
      return super.after(ms + late, callback);
    }
  }();
  const host = await testServer(inMemory(clock), clock);
  const heartbeats = new Heartbeats(host.queue);
  const sentAt = Array.from({ length: count }, (): number[] => []);
  let timedOut = 0;
  for (const times of sentAt) {
    heartbeats.start({
      ...{ hadActivity: () => false, slack: late === 0 ? 0 : Infinity },
      sendHeartbeat: () => void times.push(clock.monotonic()),
      onHeartbeatTimeout: () => void timedOut++,
    }, interval);
  }
  return {
    clock,
    sentAt,
    /** How many timed out. */
    get timedOut() {
      return timedOut;
    },
    async pass(ms: number, step: number) {
      for (let passed = 0; passed < ms; passed += step) {
        clock.advance(step);
        await turns(1);
      }
    },
    async [Symbol.asyncDispose]() {
      heartbeats.stop();
      await host[Symbol.asyncDispose]();
    },
  };
}

for (const late of [15, 110]) {
  Deno.test(`a server whose timers are all late by ${late} ms sends each heartbeat of 100 ms at its time, only as late as one timer`, async () => {
    await using server = await silentTargets(40, 100, late);
    await server.pass(3000, 5);
    for (const times of server.sentAt) {
      const gaps = times.slice(1).map((at, i) => at - times[i]!);
      const most = Math.max(...gaps);
      // In the worst case a heartbeat without delay is followed by one with the whole delay.
      assert(most <= 100 + late + 10, `${most} ms between two heartbeats`);
      if (late <= 100) assert(times.length >= 29, `${times.length} heartbeats in 3 s`);
      assert(times.length <= 30, `${times.length} heartbeats in 3 s`);
    }
  });
}

Deno.test("after a sleep all connections get one heartbeat at once, none times out, and each keeps its time", async () => {
  await using server = await silentTargets(40, INTERVAL);
  const { clock, sentAt } = server;
  await server.pass(INTERVAL, MOMENT);
  const phase = (times: readonly number[]) => (times.at(-1)! - sentAt[0]![0]!) % INTERVAL;
  const phases = sentAt.map(phase);
  clock.set(clock.now() + 10.5 * INTERVAL);
  clock.advance(1);
  await turns(1);
  assertEquals(sentAt.map((times) => times.length), sentAt.map(() => 2));
  assertEquals(sentAt.map((times) => times[1]), sentAt.map(() => clock.monotonic()));
  clock.advance(MOMENT - 1);
  await turns(1);
  await server.pass(INTERVAL - MOMENT, MOMENT);
  assertEquals(sentAt.map((times) => times.length), sentAt.map(() => 3));
  assertEquals(sentAt.map(phase), phases);
  assertEquals(server.timedOut, 0);
  await server.pass(INTERVAL, MOMENT);
  assertEquals(server.timedOut, 40);
});
