/**
 * What an administrator sees of connections, and how one is disconnected.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  connect,
  type Connection,
  type ConnectionInfo,
  DsmqError,
  type Permission,
  type TopicInfo,
} from "@dsmq/server";
import { ConnectionDirectory } from "../../connection/connection_directory.ts";
import { as } from "../support/untyped.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { ManualPeer } from "../support/manual_peer.ts";
import { inMemory, testServer, turns } from "../support/bridge.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

/** All connections but the own one. */
async function others(mq: Connection): Promise<ConnectionInfo[]> {
  return (await mq.connections()).filter(({ own }) => !own);
}

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`an administrator sees who is connected, and never a token (${transport})`, async () => {
    const before = Date.now();
    await using server = await openServer({
      transport,
      auth: {
        tokens: [{ token: "boss-secret" }, { token: "reader-secret", permissions: ["read"] }],
      },
    });
    await using boss = await connect(server.url, { token: "boss-secret" });
    await using reader = await connect(server.url, { token: "reader-secret" });
    const stream = reader.subscribe("t");
    await reader.topics();
    const all = await boss.connections();
    assertEquals(all.map(({ own }) => own), [true, undefined]);
    const [own, other] = all as [ConnectionInfo, ConnectionInfo];
    assertMatch(own.id, /^[a-z]{4}-\d+$/);
    assert(own.id !== other.id);
    assert(other.connectedAt >= before && other.connectedAt <= Date.now());
    assertEquals(
      [other.address, other.permissions, other.subscriptions, other.unreadBytes],
      ["127.0.0.1", ["read"], 1, 0],
    );
    const permissions: readonly Permission[] = own.permissions;
    assertEquals(permissions, ["read", "write", "work", "admin"]);
    assert(own.identity !== other.identity && own.identity !== "");
    assert(!JSON.stringify(all).includes("secret"));
    await stream.return!();
    await reader.topics();
    assertEquals((await others(boss))[0]!.subscriptions, 0);
  });

  Deno.test(`whom an administrator disconnects is closed with 4410, comes back and misses nothing (${transport})`, async () => {
    await using server = await openServer({ transport });
    await using boss = await connect(server.url);
    await using client = await connect(server.url, { reconnect: { minDelay: 1 } });
    const [{ id }] = await others(boss) as [ConnectionInfo];
    const stream = client.subscribe("t");
    await client.topics();
    const changes = client.statusChanges();
    await changes.next();
    await boss.disconnect(id);
    const { value: away } = await changes.next();
    assertEquals(away!.status, "reconnecting");
    assertMatch(away!.reason!, /4410, an administrator has disconnected it/);
    await boss.put("t", "while it was away");
    assertEquals((await stream.next()).value!.body, "while it was away");
    assertEquals((await changes.next()).value!.status, "connected");
    const [now] = await others(boss) as [ConnectionInfo];
    assert(now.id !== id);
    const error = await assertRejects(() => boss.disconnect(id), DsmqError);
    assertEquals([error.code, error.message], [
      "not_found",
      `Cannot disconnect: there is no connection "${id}"`,
    ]);
  });
}

Deno.test("connections and messages have one clock, also after that of the system was set back", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock });
  await using mq = await connect(server.url);
  await mq.put("t", "before");
  const [{ time }] = await mq.topics() as [TopicInfo];
  clock.jump(-3_600_000);
  await using later = await connect(server.url);
  const [{ connectedAt }] = await others(later) as [ConnectionInfo];
  const own = (await later.connections()).find((one) => one.own)!;
  assert(connectedAt <= time && own.connectedAt >= time, `${time}, ${own.connectedAt}`);
});

Deno.test("a client that does not reconnect ends with the reason", async () => {
  await using server = await openServer();
  await using boss = await connect(server.url);
  await using client = await connect(server.url, { reconnect: false });
  await boss.disconnect((await others(boss))[0]!.id);
  const { code, reason } = await client.closed;
  assertEquals(code, "closed");
  assertMatch(reason, /an administrator has disconnected it/);
});

Deno.test("an administrator who disconnects itself gets the answer, and comes back", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url, { reconnect: { minDelay: 1 } });
  const [{ id }] = await mq.connections() as [ConnectionInfo];
  const put = mq.put("t", "kept");
  await mq.disconnect(id);
  await put;
  const [now] = await mq.connections() as [ConnectionInfo];
  assert(now.id !== id);
  assertEquals(server.stats().stored, 1);
});

Deno.test("who reads nothing and does not answer is dropped two seconds after it was disconnected", async () => {
  const clock = new ManualClock();
  await using host = await testServer(inMemory(clock), clock);
  const peer = new ManualPeer(host);
  host.directory.add(peer.connection);
  peer.buffered = 1_000_000;
  const { connections: [listed] } = host.directory.list("", 9, peer.connection);
  assertEquals(listed!.unreadBytes, 1_000_000);
  host.directory.find(listed!.id)!.disconnect();
  assertEquals(host.directory.find(listed!.id), undefined, "it is gone for administrators at once");
  assertEquals(host.directory.list("", 9, peer.connection).connections, []);
  await turns();
  assertEquals(peer.isDropped, false);
  clock.advance(2000);
  assertEquals(peer.isDropped, true);
  peer[Symbol.dispose]();
});

Deno.test("thousands of connections are listed page by page, while some come and go", () => {
  const entry = () => ({
    closed: false,
    describe: () => ({
      address: "::1",
      identity: "",
      permissions: [],
      subscriptions: 0,
      unreadBytes: 0,
    }),
    disconnect() {},
  });
  const directory = new ConnectionDirectory(() => 1);
  const all = Array.from({ length: 3000 }, entry);
  for (const one of all) directory.add(one);
  const seen: string[] = [];
  for (let after = "", more = true; more;) {
    const page = directory.list(after, 250, all[0]!);
    assert(page.connections.length <= 250);
    seen.push(...page.connections.map(({ id }) => id));
    after = seen.at(-1)!;
    more = page.more;
    // One that was listed goes, one that was not goes, and one comes.
    directory.delete(all[seen.length - 1]!);
    directory.delete(all[2999 - seen.length]!);
    directory.add(entry());
  }
  assertEquals(new Set(seen).size, seen.length);
  assert(seen.length > 2900);
});

Deno.test("an id of an earlier process, and nonsense, name no connection", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  const [{ id }] = await mq.connections() as [ConnectionInfo];
  const number = id.split("-")[1];
  for (
    const wrong of ["", number!, `aeio-${number}`, `${id}0`, `${id}-1`, `${id} `, "\0".repeat(4096)]
  ) {
    const { code } = await assertRejects(() => mq.disconnect(wrong), DsmqError);
    assertEquals(code, "not_found", wrong);
  }
  await assertRejects(
    () => mq.disconnect(as(7)),
    TypeError,
    "id must be a string, as connections() lists it, got 7",
  );
  using raw = await RawClient.open(server.url);
  for (
    const [request, message] of [
      [{ action: "disconnect" }, '"connection" must be the id of a connection, got nothing'],
      [
        { action: "disconnect", connection: 7 },
        '"connection" must be the id of a connection, got 7',
      ],
      [{ action: "connections", after: 7 }, '"after" must be the id of a connection, got 7'],
      [{ action: "connections", count: 0 }, '"count" must be at least 1, got 0'],
    ] as const
  ) {
    const { error } = await raw.request({ id: 1, ...request });
    assertEquals([error.code, error.message], [
      "bad_request",
      `Invalid ${request.action} request: ${message}`,
    ]);
  }
});

/** What a client without a token, or with one, gets when it lists connections. */
async function codeOf(url: string, headers: Record<string, string> = {}): Promise<string> {
  const { hostname, port } = new URL(url);
  using raw = await RawClient.handshake(Number(port), {
    Host: `${hostname}:${port}`,
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    ...headers,
  });
  const { error, connections } = await raw.request({ action: "connections", id: 1 });
  return error?.code ?? `${connections.length}`;
}

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`${transport}: an open server lets clients of its own machine administer it, and nobody who comes through a proxy, or is a page from elsewhere`, async () => {
    await using server = await openServer({ transport, allowedOrigins: ["*"] });
    const { host } = new URL(server.url);
    const pages = [
      `http://${host}`,
      "http://localhost:8080",
      "https://app.localhost",
      "http://[::1]",
    ];
    for (const Origin of pages) assertEquals(await codeOf(server.url, { Origin }), "1", Origin);
    assertEquals(await codeOf(server.url), "1");
    const elsewhere: Record<string, string>[] = [
      { "X-Forwarded-For": "192.0.2.7" },
      { "X-Forwarded-Host": "127.0.0.1" },
      { "X-Forwarded-Proto": "https" },
      { "X-Real-IP": "192.0.2.7" },
      { "Forwarded": "for=192.0.2.7" },
      { "Via": "1.1 proxy" },
      ...[
        "https://app.example.org",
        "http://192.0.2.7",
        "http://localhost.example.org",
        "chrome-extension://abcdefghijklmnop",
        "null",
        "",
        "localhost",
      ].map((Origin) => ({ Origin })),
    ];
    for (const headers of elsewhere) {
      assertEquals(await codeOf(server.url, headers), "permission_denied", JSON.stringify(headers));
    }
    await using reachable = await openServer({ transport, host: "0.0.0.0" });
    assertEquals(await codeOf(reachable.url), "permission_denied");
  });
}

Deno.test("clients without a token administer a server only if auth says admin, wherever it listens", async () => {
  for (const host of ["127.0.0.1", "0.0.0.0"]) {
    for (
      const [anonymous, expected] of [
        [{}, "permission_denied"],
        [{ permissions: ["read", "write"] }, "permission_denied"],
        [{ permissions: ["admin"] }, "1"],
        [{ permissions: ["admin"], prefixes: ["a."] }, "permission_denied"],
      ] as const
    ) {
      await using server = await openServer({ host, auth: { anonymous } });
      assertEquals(await codeOf(server.url), expected, JSON.stringify([host, anonymous]));
    }
  }
});

Deno.test("a token administers a server with the permission admin, if it is for all topics", async () => {
  await using server = await openServer({
    host: "0.0.0.0",
    auth: {
      tokens: [
        { token: "all" },
        { token: "admin", permissions: ["admin"] },
        { token: "users", permissions: ["read", "write"] },
        { token: "some", permissions: ["admin"], prefixes: ["a."] },
      ],
    },
  });
  for (
    const [token, expected] of [
      ["all", "1"],
      ["admin", "1"],
      ["users", "permission_denied"],
      ["some", "permission_denied"],
    ] as const
  ) {
    const headers = { Authorization: `Bearer ${token}`, "X-Forwarded-For": "192.0.2.7" };
    assertEquals(await codeOf(server.url, headers), expected, token);
  }
});
