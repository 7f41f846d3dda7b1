/**
 * Idle peers: what keeps them connected through proxies that cut idle connections, and detects those that have vanished.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { listen as builtin } from "../../transports/deno.ts";
import { listen as hardened } from "../../transports/node.ts";
import { IdlePings } from "../../transports/node_idle_pings.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { clientFrame, RawSocket } from "../support/raw_socket.ts";
import { turns, until } from "../support/bridge.ts";
import { ignoredIf, noProc } from "../support/ignored_if.ts";
import { OpenPort } from "../support/recording_handler.ts";
import { withTimeout } from "../support/with_timeout.ts";

const IDLE_INTERVAL = 16_000;
const TEXT = 1;
const PING = 9;
const pong = clientFrame(10);

/** How many parts of the interval the clock passes at a time. */
const PARTS = 16;

/** Advances the clock by this many idle periods. */
async function passIdle({ clock }: OpenPort, times = 1): Promise<void> {
  for (let part = 0; part < PARTS * times; part++) clock.advance(IDLE_INTERVAL / PARTS);
  // The platform finishes what it began.
  await turns();
}

/** An idle peer, checked once. */
async function idleClient(opened: OpenPort): Promise<RawSocket> {
  const client = await RawSocket.open(opened.port);
  await withTimeout(opened.handler.until(() => opened.handler.present > 0));
  await passIdle(opened, 1 / 4);
  return client;
}

/** Sends something, and waits until all of it has arrived. */
async function arrive(opened: OpenPort, client: RawSocket, ...frames: Uint8Array[]): Promise<void> {
  const { peer } = opened.handler.peers[0]!;
  const before = peer.bytesReceived!;
  for (const frame of frames) await client.send(frame);
  const after = before + frames.reduce((sum, { length }) => sum + length, 0);
  await until(() => peer.bytesReceived! >= after);
}

async function pinged(client: RawSocket): Promise<void> {
  assertEquals((await withTimeout(client.next()))?.opcode, PING);
}

/** Answers this many pings. */
async function answerPings(client: RawSocket, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await pinged(client);
    await client.send(pong);
  }
}

Deno.test("hardened: an idle peer is pinged again and again, and kept although it never answers", async () => {
  await using opened = await OpenPort.with(hardened, { idlePingInterval: IDLE_INTERVAL });
  using client = await idleClient(opened);
  for (let i = 0; i < 20; i++) {
    await passIdle(opened);
    await pinged(client);
  }
  assertEquals([opened.handler.present, opened.handler.reasons], [1, []]);
});

Deno.test("hardened: a peer that answers keeps being pinged, and is dropped after three unanswered pings", async () => {
  await using opened = await OpenPort.with(hardened, { idlePingInterval: IDLE_INTERVAL });
  using client = await idleClient(opened);
  // What it has read long ago gives it no time later.
  opened.handler.peers[0]!.peer.send("x".repeat(800 * 1024));
  assertEquals((await withTimeout(client.next()))?.opcode, TEXT);
  for (let i = 0; i < 5; i++) {
    await passIdle(opened);
    await pinged(client);
    await arrive(opened, client, pong);
  }
  await passIdle(opened, 3);
  assertEquals(opened.handler.present, 1);
  await passIdle(opened);
  assertEquals([opened.handler.present, opened.handler.reasons], [0, [
    "it does not answer any more",
  ]]);
});

Deno.test("hardened: a peer that answers has time to read its data before it must answer", async () => {
  await using opened = await OpenPort.with(hardened, { idlePingInterval: IDLE_INTERVAL });
  using client = await idleClient(opened);
  await passIdle(opened);
  await pinged(client);
  await arrive(opened, client, pong);
  // The system takes it at once; the network may take as long as it likes.
  const { peer } = opened.handler.peers[0]!;
  peer.send("x".repeat(800 * 1024));
  await until(() => peer.buffered === 0);
  // What it says meanwhile does not tell that it has read that.
  await passIdle(opened, 1 / 4);
  await arrive(opened, client, clientFrame(1, "x"));
  await passIdle(opened, 8);
  assertEquals(opened.handler.present, 1);
  await passIdle(opened, 2);
  assertEquals([opened.handler.present, opened.handler.reasons.length], [0, 1]);
});

Deno.test("hardened: a peer that answers pings only when it reads something else may stay idle", async () => {
  await using opened = await OpenPort.with(hardened, { idlePingInterval: IDLE_INTERVAL });
  using client = await idleClient(opened);
  for (let i = 0; i < 3; i++) {
    await passIdle(opened, 5);
    for (let ping = 0; ping < (i === 0 ? 5 : 4); ping++) await pinged(client);
    // It sends a request, and reads the reply with everything before it.
    const get = clientFrame(1, '{"action":"get","topic":"t"}');
    await arrive(opened, client, get, new Uint8Array([...pong, ...pong, ...pong]));
  }
  await passIdle(opened, 20);
  assertEquals([opened.handler.present, opened.handler.reasons], [1, []]);
});

Deno.test("hardened: a peer that sends something is not pinged, and all peers share one timer", async () => {
  await using opened = await OpenPort.with(hardened, { idlePingInterval: IDLE_INTERVAL });
  const clients = await Promise.all(Array.from({ length: 40 }, () => RawSocket.open(opened.port)));
  await withTimeout(opened.handler.until(() => opened.handler.present === 40));
  assertEquals(opened.clock.waiting, 1);
  for (let i = 0; i < 5; i++) {
    for (const client of clients) await client.send(clientFrame(1, "x"));
    await withTimeout(
      opened.handler.until(() => opened.handler.peers.every(({ received }) => received.length > i)),
    );
    await passIdle(opened, 3 / 4);
  }
  for (const { peer } of opened.handler.peers) peer.send("the first that it reads");
  for (const client of clients) {
    assertEquals((await withTimeout(client.next()))?.opcode, TEXT);
    client.cut();
  }
  await withTimeout(opened.handler.until(() => opened.handler.present === 0));
  assertEquals(opened.clock.waiting, 0);
});

Deno.test("hardened: of many idle peers a few are pinged at a time, so that nobody waits for all of them", () => {
  const clock = new ManualClock(0);
  const pings = new IdlePings({
    idlePingInterval: IDLE_INTERVAL,
    after: (ms, callback) => clock.after(ms, callback),
  });
  const checks = Array<number>(320).fill(0);
  for (const peer of checks.keys()) pings.add({ checkIdle: () => void checks[peer]!++ });
  const step = IDLE_INTERVAL / 64;
  const total = () => checks.reduce((sum, count) => sum + count, 0);
  for (let before = 0; before < 4 * checks.length; before = total()) {
    clock.advance(step);
    assertEquals(total() - before, checks.length / 16);
  }
  assertEquals([clock.now(), new Set(checks)], [IDLE_INTERVAL, new Set([4])]);
  pings.stop();
});

Deno.test("hardened: a peer is pinged once nothing has come from it for the interval, and not before three quarters of it, whenever that was", async () => {
  for (let phase = 0; phase < PARTS; phase++) {
    await using opened = await OpenPort.with(hardened, { idlePingInterval: IDLE_INTERVAL });
    using client = await idleClient(opened);
    await passIdle(opened, phase / PARTS);
    // It was checked in the first part, and three checks later it is idle.
    if (1 / PARTS + 3 / 4 <= 1 / 4 + phase / PARTS) await pinged(client);
    const { peer } = opened.handler.peers[0]!;
    for (const rounds of [1, 2]) {
      await arrive(opened, client, clientFrame(1, "x"));
      await passIdle(opened, 11 / PARTS);
      peer.send(`${phase} ${rounds}`);
      assertEquals((await withTimeout(client.next()))?.opcode, TEXT, `a part of ${phase}`);
      await passIdle(opened, 5 / PARTS);
      await pinged(client);
    }
  }
});

Deno.test({
  ...ignoredIf(noProc, "hardened: the system checks idle connections, too"),
  async fn() {
    await using opened = await OpenPort.with(hardened, { idlePingInterval: IDLE_INTERVAL });
    using client = await RawSocket.open(opened.port);
    await withTimeout(opened.handler.until(() => opened.handler.present === 1));
    const at = (port: number) => `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
    const [here, there] = [at(opened.port), at((client.conn.localAddr as Deno.NetAddr).port)];
    const KEEPALIVE = "02";
    const connections = (await Deno.readTextFile("/proc/net/tcp")).split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local, remote, state]) => local === here && remote === there && state === "01");
    // The system may list a connection twice while others come and go.
    const timers = new Set(connections.map(([, , , , , timer]) => timer!.split(":")[0]));
    assertEquals([...timers], [KEEPALIVE]);
  },
});

Deno.test("builtin: an idle peer is pinged; again if it answers, and kept if it does not", async () => {
  await using opened = await OpenPort.with(builtin, { idlePingInterval: 30 });
  using replies = await RawSocket.open(opened.port);
  using silent = await RawSocket.open(opened.port);
  await answerPings(replies, 8);
  await pinged(silent);
  // Deno would give it 30 ms for its answer: the other is pinged after 30 ms each.
  await answerPings(replies, 5);
  await silent.send(clientFrame(1, "still here"));
  await withTimeout(
    opened.handler.until(() => opened.handler.peers.some(({ received }) => received.length === 1)),
  );
  await pinged(silent);
  assertEquals(opened.handler.present, 2);
});

Deno.test("builtin: our client has heartbeats and is not pinged", async () => {
  await using opened = await OpenPort.with(builtin, { idlePingInterval: 10 });
  using client = await RawSocket.open(opened.port, "Sec-WebSocket-Protocol: dsmq");
  // Another one that is pinged, each time after 10 ms.
  using other = await RawSocket.open(opened.port);
  await answerPings(other, 6);
  const [fakePeer] = opened.handler.peers;
  fakePeer!.peer.send("hello");
  const frame = await withTimeout(client.next());
  assert(frame?.opcode === 1, `it got ${frame?.opcode}`);
});

const { upgradeWebSocket } = Deno;

/** Versions of Deno that treat the option as none does today. */
const others: Record<string, typeof upgradeWebSocket> = {
  "reads the option only once": (request, options) =>
    upgradeWebSocket(request, { ...options, idleTimeout: Number(options?.idleTimeout) }),
  "accepts only a number": (request, options) => {
    if (typeof options?.idleTimeout !== "number") throw new TypeError("idleTimeout is a number");
    return upgradeWebSocket(request, options);
  },
};

for (const [what, other] of Object.entries(others)) {
  Deno.test(`builtin: a Deno that ${what} accepts idle peers, and keeps them`, async () => {
    await using opened = await OpenPort.with(builtin, { idlePingInterval: 30 });
    await using usual = await OpenPort.with(builtin, { idlePingInterval: 30 });
    using pingedClient = await RawSocket.open(usual.port);
    Deno.upgradeWebSocket = other;
    try {
      using client = await RawSocket.open(opened.port);
      // Meanwhile a peer of today's Deno is pinged several times, each time after 30 ms.
      await answerPings(pingedClient, 6);
      await client.send(clientFrame(1, "still here"));
      await withTimeout(
        opened.handler.until(() =>
          opened.handler.peers.some(({ received }) => received.length === 1)
        ),
      );
      assertEquals(opened.handler.present, 1);
    } finally {
      Deno.upgradeWebSocket = upgradeWebSocket;
    }
  });
}
