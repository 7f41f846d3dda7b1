/**
 * The limits of connections, in all and from one address.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { AccessControl } from "../../auth/access_control.ts";
import type { TokenGrant } from "../../auth/permissions.ts";
import type { ServerLimits } from "../../protocol/limits.ts";
import { DEFAULT_LIMITS } from "../../protocol/limits.ts";
import { addressKey } from "../../budgets/address_key.ts";
import { Connections } from "../../server/connections.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { Peer, PeerEvents } from "../../transports/peer.ts";
import { turns } from "../support/bridge.ts";
import { HeldStore } from "../support/held_store.ts";
import { UPGRADE } from "../support/raw_socket.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { openContext } from "../support/memory_peer.ts";
import { RawClient } from "../support/raw_client.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** A connection handler with a stopped clock. */
async function connectionsFixture(
  limits: Partial<ServerLimits>,
  { tokens, heldStore }: { tokens?: readonly TokenGrant[]; heldStore?: HeldStore } = {},
) {
  const clock = new ManualClock();
  const store = heldStore ?? new MemoryStore({ engine: nodeSqlite, retention: 600_000, clock });
  const host = await openContext(store, clock);
  const accessControl = await AccessControl.create({
    ...{ host: "localhost", secure: false, auth: tokens ? { tokens } : {} },
    ...{ allowedHosts: [], allowedOrigins: [] },
  });
  const all = { ...DEFAULT_LIMITS, ...limits };
  const connections = new Connections(host, {
    access: accessControl,
    limits: all,
    path: "",
    banner: "",
    peerDropped() {},
    notice() {},
    metrics: () => undefined,
    operation: () => Promise.reject(new Error("nobody asks for it")),
    upgradeChecked() {},
  });
  const request = (protocols: string, more: object) => {
    const headers = { host: "localhost", ...UPGRADE, "sec-websocket-protocol": protocols, ...more };
    return new Request("http://localhost/", { headers });
  };
  return {
    clock,
    store,
    accessControl,
    connections,
    /** A peer connects from an address. */
    admit: (from: string, protocols = "", headers = {}) =>
      connections.admit(request(protocols, headers), from),
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}

/** A peer that can be closed. */
function peer() {
  const { promise: closeCode, resolve } = Promise.withResolvers<[number, string]>();
  let events: PeerEvents | undefined;
  const self = {
    ...{
      buffered: 0,
      hasRoom: () => true,
      waitForRoom: () => Promise.resolve(),
      send() {},
      drained: () => Promise.resolve(),
    },
    closeCode,
    close: (code: number, reason: string) => resolve([code, reason]),
    closeAndStopReading: (code: number, reason: string) => resolve([code, reason]),
    drop: () => events?.end(),
    enter(verdict: Response | ((peer: Peer) => PeerEvents)): PeerEvents {
      assert(typeof verdict === "function", "it is accepted");
      return events = verdict(self);
    },
  };
  return self;
}

const cases = [
  { name: "connections", from: ["10.0.0.1", "10.0.0.2", "10.0.0.3"], status: 503 },
  { name: "connectionsPerAddress", from: ["10.0.0.1", "10.0.0.1", "::ffff:10.0.0.1"], status: 429 },
] as const;

for (const { name, from: [first, second, third], status } of cases) {
  Deno.test(`${name}: connection N + 1 is refused with ${status}, or closed with 1013 if it is our client`, async () => {
    await using server = await connectionsFixture({ [name]: 2 });
    const one = peer().enter(await server.admit(first));
    // A pending connection counts, too.
    const arriving = await server.admit(second);
    const refused = await server.admit(third);
    assert(refused instanceof Response);
    assertEquals(refused.status, status);
    assert((await refused.text()).endsWith("the limit is 2\n"));

    const dsmqPeer = peer();
    const refusedPeer = dsmqPeer.enter(await server.admit(third, "other, dsmq"));
    refusedPeer.receive('{"action":"put","topic":"t","message":"m"}');
    const [code, reason] = await withTimeout(dsmqPeer.closeCode);
    assertEquals([code, reason.endsWith("the limit is 2")], [1013, true]);
    assertEquals((await server.store.bounds()).last, 0);
    refusedPeer.end();
    assertEquals(server.connections.count, 1);

    const two = peer().enter(arriving);
    one.end();
    const three = peer().enter(await server.admit(third));
    assert(await server.admit(first) instanceof Response);
    two.end();
    three.end();
    assertEquals(server.connections.count, 0);
  });
}

Deno.test("an address at its limit does not block others", async () => {
  await using server = await connectionsFixture({ connectionsPerAddress: 1 });
  const admitted: PeerEvents[] = [];
  for (const from of ["10.0.0.1", "10.0.0.2", "2001:db8:1:1::1", "2001:db8:1:2::1"]) {
    admitted.push(peer().enter(await server.admit(from)));
    assert(await server.admit(from) instanceof Response);
  }
  assert(await server.admit("2001:db8:1:1:ffff::2") instanceof Response);
  for (const events of admitted) events.end();
});

Deno.test("a silent connection beyond the limit is closed in time, and dropped if it stays", async () => {
  await using server = await connectionsFixture({ connections: 1 });
  const only = peer().enter(await server.admit("10.0.0.1"));
  const waiting = Array.from({ length: 100 }, peer);
  for (const waitingPeer of waiting) waitingPeer.enter(await server.admit("10.0.0.2", "dsmq"));
  assertEquals(server.connections.pendingCount, 100);
  server.clock.advance(2000);
  for (const { closeCode } of waiting) assertEquals((await withTimeout(closeCode))[0], 1013);
  assertEquals(server.connections.pendingCount, 100);
  server.clock.advance(2000);
  assertEquals([server.connections.count, server.connections.pendingCount], [1, 0]);
  only.end();
});

Deno.test("a connection that finds a place after its token was revoked does not keep it", async () => {
  const heldStore = new HeldStore(["open_session"]);
  await using server = await connectionsFixture({ connections: 1 }, {
    tokens: [{ token: "good" }],
    heldStore,
  });
  const headers = { authorization: "Bearer good" };
  const only = peer().enter(await server.admit("10.0.0.1", "dsmq", headers));
  const waitingPeer = peer();
  const events = waitingPeer.enter(await server.admit("10.0.0.2", "dsmq", headers));
  heldStore.hold();
  events.receive('{"action":"hello","id":1,"session":"0123456789abcdef0123456789abcdef"}');
  await turns();
  only.end();
  await server.accessControl.setAuth({ tokens: [] });
  server.connections.authChanged();
  heldStore.release();
  await turns();
  assertEquals(server.connections.count, 1);
  server.clock.advance(2000);
  assertEquals((await withTimeout(waitingPeer.closeCode))[0], 4401);
  events.end();
  assertEquals([server.connections.count, server.connections.pendingCount], [0, 0]);
});

Deno.test("what counts as one address", () => {
  const keys = [
    ["127.0.0.1", "127.0.0.1"],
    ["::ffff:127.0.0.1", "127.0.0.1"],
    ["::FFFF:7f00:1", "127.0.0.1"],
    ["0:0:0:0:0:ffff:c0a8:0102", "192.168.1.2"],
    ["::1", "0:0:0:0::/64"],
    ["::", "0:0:0:0::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["2001:0DB8:0:0:ffff::1", "2001:db8:0:0::/64"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["1:2:3:4:5:6:7::", "1:2:3:4::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["", ""],
  ];
  assertEquals(keys.map(([address]) => addressKey(address!)), keys.map(([, key]) => key));
});

for (const name of ["connections", "connectionsPerAddress"]) {
  Deno.test(`${name} on the wire: one connection more is told why, the others continue, and a closed one makes room`, async () => {
    await using server = await openServer({ limits: { [name]: 2 } });
    await using old = await RawClient.open(server.url);
    {
      await using _other = await RawClient.open(server.url);
      const dsmqPeer = new WebSocket(server.url, "dsmq");
      dsmqPeer.onopen = () => dsmqPeer.send('{"action":"hello","id":1}');
      const { code, reason } = await withTimeout(
        new Promise<CloseEvent>((resolve) => dsmqPeer.onclose = resolve),
      );
      assertEquals([code, reason.endsWith("the limit is 2")], [1013, true]);
      assertEquals(
        await withTimeout(statusOfUpgrade(server.port)),
        name === "connections" ? 503 : 429,
      );
      assertEquals(
        (await fetch(server.url.replace("ws", "http")).then((page) => page.text())) !== "",
        true,
      );
    }
    old.send({ action: "put", topic: "t", message: "m" });
    assertEquals(await old.request({ action: "get", topic: "t" }), { message: "m" });
    await using next = await withTimeout(untilOpen(server.url));
    assertEquals(await next.request({ action: "get", topic: "t" }), { message: "" });
    assertEquals(server.stats().connections, 2);
  });
}

Deno.test("a peer that disconnects during the handshake frees its place", async () => {
  await using server = await openServer({ limits: { connections: 10 } });
  for (let i = 0; i < 10; i++) {
    await Promise.all(Array.from({ length: 10 }, async () => {
      using conn = await Deno.connect({ port: server.port });
      await conn.write(handshake());
    }));
  }
  await withTimeout(bad(server.port));
  const clients: RawClient[] = [];
  for (let i = 0; i < 10; i++) clients.push(await withTimeout(untilOpen(server.url)));
  for (const client of clients) await client[Symbol.asyncDispose]();
});

/** Opens a connection as soon as there is a place. */
async function untilOpen(url: string): Promise<RawClient> {
  for (;;) {
    try {
      return await RawClient.open(url);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

function handshake(key = btoa("0123456789abcdef")): Uint8Array {
  const lines = [
    "GET / HTTP/1.1",
    "Host: localhost",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    ...(key === "" ? [] : [`Sec-WebSocket-Key: ${key}`]),
  ];
  return new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`);
}

async function statusOfUpgrade(port: number, key?: string): Promise<number> {
  using conn = await Deno.connect({ port });
  await conn.write(handshake(key));
  const into = new Uint8Array(1024);
  const read = await conn.read(into);
  return Number(new TextDecoder().decode(into.subarray(0, read ?? 0)).split(" ")[1]);
}

/** Failing handshakes: each would take a place if it did not free it. */
async function bad(port: number): Promise<void> {
  for (let i = 0; i < 20; i++) {
    for (;;) {
      const status = await statusOfUpgrade(port, "");
      if (status === 400) break;
      assertEquals(status, 503);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
