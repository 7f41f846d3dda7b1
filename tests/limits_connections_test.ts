/**
 * How many connections there may be, in all and from one address.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Door } from "../door/door.ts";
import type { TokenGrant } from "../door/leave.ts";
import type { ServerLimits } from "../protocol/limits.ts";
import { USUAL_LIMITS } from "../protocol/limits.ts";
import { addressKey } from "../budgets/address.ts";
import { Sessions } from "../server/sessions.ts";
import { nodeSqlite } from "../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../stores/memory.ts";
import type { Peer, Visit } from "../transports/transport.ts";
import { turns } from "./support/bridge.ts";
import { HeldStore } from "./support/held_store.ts";
import { UPGRADE } from "./support/knock.ts";
import { ManualClock } from "./support/manual_clock.ts";
import { openServer } from "./support/open_server.ts";
import { hosted } from "./support/peer.ts";
import { Raw } from "./support/raw.ts";
import { soon } from "./support/soon.ts";

/** A house with a clock that stands still. */
async function house(
  limits: Partial<ServerLimits>,
  { tokens, held }: { tokens?: readonly TokenGrant[]; held?: HeldStore } = {},
) {
  const clock = new ManualClock();
  const store = held ?? new MemoryStore({ engine: nodeSqlite, retention: 600_000, clock });
  const host = await hosted(store, clock);
  const door = await Door.of({
    ...{ host: "localhost", secure: false, tokens, anonymous: undefined },
    ...{ allowedHosts: [], allowedOrigins: [] },
  });
  const all = { ...USUAL_LIMITS, ...limits };
  const sessions = new Sessions(host, { door, limits: all, banner: "", gaveUp() {}, tell() {} });
  const request = (protocols: string, more: object) => {
    const headers = { host: "localhost", ...UPGRADE, "sec-websocket-protocol": protocols, ...more };
    return new Request("http://localhost/", { headers });
  };
  return {
    clock,
    store,
    door,
    sessions,
    /** Somebody comes from an address. */
    come: (from: string, protocols = "", headers = {}) =>
      sessions.admit(request(protocols, headers), from),
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}

/** A peer that may be told goodbye. */
function peer() {
  const { promise: goodbye, resolve } = Promise.withResolvers<[number, string]>();
  let visit: Visit | undefined;
  const self = {
    ...{
      buffered: 0,
      hasRoom: () => true,
      room: () => Promise.resolve(),
      send() {},
      drained: () => Promise.resolve(),
    },
    goodbye,
    close: (code: number, reason: string) => resolve([code, reason]),
    cutOff: (code: number, reason: string) => resolve([code, reason]),
    drop: () => visit?.closed(),
    enter(verdict: Response | ((peer: Peer) => Visit)): Visit {
      assert(typeof verdict === "function", "it is let in");
      return visit = verdict(self);
    },
  };
  return self;
}

const cases = [
  { name: "connections", from: ["10.0.0.1", "10.0.0.2", "10.0.0.3"], status: 503 },
  { name: "connectionsPerAddress", from: ["10.0.0.1", "10.0.0.1", "::ffff:10.0.0.1"], status: 429 },
] as const;

for (const { name, from: [first, second, third], status } of cases) {
  Deno.test(`${name}: the N+1st is turned away with ${status}, or with 1013 if it is ours`, async () => {
    await using inn = await house({ [name]: 2 });
    const one = peer().enter(await inn.come(first));
    // One on its way in counts, too.
    const arriving = await inn.come(second);
    const refused = await inn.come(third);
    assert(refused instanceof Response);
    assertEquals(refused.status, status);
    assert((await refused.text()).endsWith("the limit is 2\n"));

    const ours = peer();
    const told = ours.enter(await inn.come(third, "other, dsmq"));
    told.receive('{"action":"put","topic":"t","message":"m"}');
    const [code, reason] = await soon(ours.goodbye);
    assertEquals([code, reason.endsWith("the limit is 2")], [1013, true]);
    assertEquals((await inn.store.bounds()).last, 0);
    told.closed();
    assertEquals(inn.sessions.count, 1);

    const two = peer().enter(arriving);
    one.closed();
    const three = peer().enter(await inn.come(third));
    assert(await inn.come(first) instanceof Response);
    two.closed();
    three.closed();
    assertEquals(inn.sessions.count, 0);
  });
}

Deno.test("one address at its limit keeps no other out", async () => {
  await using inn = await house({ connectionsPerAddress: 1 });
  const visits: Visit[] = [];
  for (const from of ["10.0.0.1", "10.0.0.2", "2001:db8:1:1::1", "2001:db8:1:2::1"]) {
    visits.push(peer().enter(await inn.come(from)));
    assert(await inn.come(from) instanceof Response);
  }
  assert(await inn.come("2001:db8:1:1:ffff::2") instanceof Response);
  for (const visit of visits) visit.closed();
});

Deno.test("who says nothing though there is no place is told so in time, and given up if it stays", async () => {
  await using inn = await house({ connections: 1 });
  const only = peer().enter(await inn.come("10.0.0.1"));
  const guests = Array.from({ length: 100 }, peer);
  for (const guest of guests) guest.enter(await inn.come("10.0.0.2", "dsmq"));
  assertEquals(inn.sessions.pending, 100);
  inn.clock.advance(2000);
  for (const { goodbye } of guests) assertEquals((await soon(goodbye))[0], 1013);
  assertEquals(inn.sessions.pending, 100);
  inn.clock.advance(2000);
  assertEquals([inn.sessions.count, inn.sessions.pending], [1, 0]);
  only.closed();
});

Deno.test("who finds a place after its token was taken away does not stay in it", async () => {
  const held = new HeldStore(["recalls"]);
  await using inn = await house({ connections: 1 }, { tokens: [{ token: "good" }], held });
  const headers = { authorization: "Bearer good" };
  const only = peer().enter(await inn.come("10.0.0.1", "dsmq", headers));
  const guest = peer();
  const visit = guest.enter(await inn.come("10.0.0.2", "dsmq", headers));
  held.hold();
  visit.receive('{"action":"hello","id":1,"session":"0123456789abcdef0123456789abcdef"}');
  await turns();
  only.closed();
  await inn.door.change([]);
  inn.sessions.tokensChanged();
  held.release();
  await turns();
  assertEquals(inn.sessions.count, 1);
  inn.clock.advance(2000);
  assertEquals((await soon(guest.goodbye))[0], 4401);
  visit.closed();
  assertEquals([inn.sessions.count, inn.sessions.pending], [0, 0]);
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
  Deno.test(`${name} on the wire: one more is told why, the others go on, and who leaves makes room`, async () => {
    await using server = await openServer({ limits: { [name]: 2 } });
    await using old = await Raw.open(server.url);
    {
      await using _other = await Raw.open(server.url);
      const ours = new WebSocket(server.url, "dsmq");
      ours.onopen = () => ours.send('{"action":"hello","id":1}');
      const { code, reason } = await soon(
        new Promise<CloseEvent>((resolve) => ours.onclose = resolve),
      );
      assertEquals([code, reason.endsWith("the limit is 2")], [1013, true]);
      assertEquals(await soon(statusOfUpgrade(server.port)), name === "connections" ? 503 : 429);
      assertEquals(
        (await fetch(server.url.replace("ws", "http")).then((page) => page.text())) !== "",
        true,
      );
    }
    old.send({ action: "put", topic: "t", message: "m" });
    assertEquals(await old.ask({ action: "get", topic: "t" }), { message: "m" });
    await using next = await soon(untilOpen(server.url));
    assertEquals(await next.ask({ action: "get", topic: "t" }), { message: "" });
    assertEquals(server.stats().connections, 2);
  });
}

Deno.test("who goes away in the midst of the handshake leaves its place", async () => {
  await using server = await openServer({ limits: { connections: 10 } });
  for (let i = 0; i < 10; i++) {
    await Promise.all(Array.from({ length: 10 }, async () => {
      using conn = await Deno.connect({ port: server.port });
      await conn.write(handshake());
    }));
  }
  await soon(bad(server.port));
  const clients: Raw[] = [];
  for (let i = 0; i < 10; i++) clients.push(await soon(untilOpen(server.url)));
  for (const client of clients) await client[Symbol.asyncDispose]();
});

/** Opens a connection as soon as there is a place. */
async function untilOpen(url: string): Promise<Raw> {
  for (;;) {
    try {
      return await Raw.open(url);
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

/** Handshakes that fail; each would take a place if it did not leave it. */
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
