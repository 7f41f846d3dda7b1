/**
 * Heartbeats: a dead line is noticed within three intervals by either end, whenever it died; and one who slept gives
 * nobody up for what it did not hear meanwhile.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { Pulses } from "../queue/pulses.ts";
import { hostOf, inMemory, turns, until } from "./support/bridge.ts";
import { ManualClock } from "./support/manual_clock.ts";
import { ManualPeer } from "./support/manual_peer.ts";
import { Scripted, WELCOME } from "./support/scripted.ts";
import { virtually } from "./support/virtually.ts";

const INTERVAL = 1600;

/** Time moves in such steps. */
const MOMENT = INTERVAL / 16;

/** Lets virtual time pass. */
const pass = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A server with a peer that answers heartbeats until it is dead. */
async function served() {
  const clock = new ManualClock();
  const host = await hostOf(inMemory(clock), clock);
  const peer = new ManualPeer(host);
  await peer.ask({ action: "hello", id: 1, heartbeat: INTERVAL });
  let answered = peer.received.length;
  return {
    clock,
    peer,
    /** Lets time pass; the peer answers what it is asked, if it lives. */
    async pass(ms: number, lives: boolean) {
      for (let left = ms; left > 0; left -= MOMENT) {
        clock.advance(Math.min(left, MOMENT));
        await turns(1);
        const beats = peer.received.length - answered;
        answered += beats;
        if (lives) { for (let i = 0; i < beats; i++) peer.tell({ action: "heartbeat" }); }
      }
    },
    async [Symbol.asyncDispose]() {
      peer[Symbol.dispose]();
      await host[Symbol.asyncDispose]();
    },
  };
}

for (const died of [0.02, 0.3, 0.55, 0.8, 0.98]) {
  Deno.test(`a server notices a line that died after ${died} of an interval within two to three`, async () => {
    await using server = await served();
    await server.pass((5 + died) * INTERVAL, true);
    let silent = 0;
    while (server.peer.closedWith === undefined && silent < 10 * INTERVAL) {
      await server.pass(MOMENT, false);
      silent += MOMENT;
    }
    assertEquals(server.peer.closedWith, 4408);
    assert(silent <= 3 * INTERVAL && silent > 1.5 * INTERVAL, `${silent / INTERVAL} intervals`);
  });

  Deno.test(`a client notices a line that died after ${died} of an interval within two to three`, () =>
    virtually(async () => {
      const script = new Scripted();
      script.welcome = { ...WELCOME, heartbeat: INTERVAL };
      const mq = await connect({ dial: script.dial, reconnect: false, heartbeat: INTERVAL });
      for (let i = 0; i < 5; i++) {
        await pass(INTERVAL);
        await script.say({ heartbeat: INTERVAL, time: 1, last: 0, floor: 0 });
      }
      await pass(died * INTERVAL);
      const begin = performance.now();
      for await (const { state } of mq.states()) if (state === "closed") break;
      const silent = (performance.now() - begin) / INTERVAL;
      assert(silent <= 3 && silent > 1.5, `${silent} intervals`);
    }));
}

Deno.test("a server that was stopped for long gives up none of those whose heartbeats it has yet to read", async () => {
  await using server = await served();
  for (const awake of [3, 3.3, 3.6, 3.9]) {
    await server.pass(awake * INTERVAL, true);
    server.clock.set(server.clock.now() + 100 * INTERVAL);
    // What was due long ago happens now, before it is heard what came meanwhile.
    server.clock.advance(1);
    await turns(1);
    server.clock.advance(INTERVAL / 8);
    await turns(1);
    assertEquals(server.peer.closedWith, undefined);
  }
  await server.pass(3 * INTERVAL, false);
  assertEquals(server.peer.closedWith, 4408);
});

Deno.test("a client that slept does not give up a server that it has yet to hear, but does if it stays silent", () =>
  virtually(async (time) => {
    const script = new Scripted();
    script.welcome = { ...WELCOME, heartbeat: INTERVAL };
    const mq = await connect({ dial: script.dial, reconnect: false, heartbeat: INTERVAL });
    const beat = () => script.say({ heartbeat: INTERVAL, time: 1, last: 0, floor: 0 });
    for (const awake of [0.1, 1.3, 2.2]) {
      await pass(awake * INTERVAL);
      time.now += 100 * INTERVAL;
      await pass(INTERVAL / 2);
      await beat();
      assertEquals(mq.state, "connected");
    }
    await pass(3 * INTERVAL);
    assertEquals(mq.state, "closed");
  }));

Deno.test("thousands whose lines die at one moment are given up in slices, each once", async () => {
  const clock = new ManualClock();
  await using host = await hostOf(inMemory(clock), clock);
  const pulses = new Pulses(host.queue);
  let silent = 0;
  for (let i = 0; i < 5000; i++) {
    pulses.begin({
      ...{ wasHeard: () => false, slack: 0, beat() {} },
      silent: () => void silent++,
    }, INTERVAL);
  }
  let most = 0;
  for (let ms = 0; ms < 6 * INTERVAL; ms += MOMENT) {
    const before = silent;
    clock.advance(MOMENT);
    most = Math.max(most, silent - before);
    await turns(1);
  }
  await until(() => silent >= 5000);
  await turns(5);
  assert(most <= 64, `${most} were given up in one go`);
  assertEquals(silent, 5000);
  pulses.stop();
});

Deno.test("whoever asks for whatever interval, there are a handful of timers, and each is asked and given up in time", async () => {
  let timers = 0;
  const clock = new class extends ManualClock {
    override after(ms: number, callback: () => void): () => void {
      timers++;
      return super.after(ms, callback);
    }
  }();
  await using host = await hostOf(inMemory(clock), clock);
  const peers = Array.from({ length: 500 }, () => new ManualPeer(host));
  const every = (i: number) => 1000 + 7 * i;
  for (const [i, peer] of peers.entries()) {
    peer.tell({ action: "hello", id: 1, heartbeat: every(i) });
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
