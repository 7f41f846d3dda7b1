/**
 * `/status`: what a server tells of itself, of what a request may do, and administrators of how it does.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type Auth, connect } from "@dsmq/server";
import { LIMITS } from "../../protocol/limits.ts";
import type { ServerStatus } from "../../http/server_status.ts";
import { VERSION } from "../../server/running_server.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { claims, SECRET, signed } from "../auth/jwt_support.ts";
import { FileFolder } from "../support/file_folder.ts";
import { HeldStore } from "../support/held_store.ts";
import { problemOf, testHttp } from "../support/http_server.ts";
import { parseMetrics } from "../support/metrics_text.ts";
import { FORWARDED, NO_GROUPS, statusOf, useOf } from "../support/server_status.ts";
import { clientFrame, RawSocket } from "../support/raw_socket.ts";
import { testStores } from "../support/store_servers.ts";

const ALL = [{ prefix: "" }];

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

testHttp(
  "a server tells what it is, and its administrator how it does",
  async (open, kind) => {
    const clock = new ManualClock();
    const startedAt = clock.now();
    const own = { storedBytes: 5000, topics: 7, connections: 11, pendingConnections: 3 };
    const limits = { ...own, totalCursors: 5000 };
    await using server = await open({ clock, engine: "node:sqlite", retention: 60_000, limits });
    await using mq = await connect(server.url);
    await mq.putMany("one", ["a", "b"]);
    const { body, position } = (await mq.read("one"))!;
    assertEquals(body, "a");
    const epoch = position.slice(0, position.indexOf(":"));
    await problemOf(await server.get("/nothing"));
    await problemOf(await server.get("/topics/t?count=0"));
    clock.advance(5000);
    const { operation, ...status } = await statusOf(server);
    assertEquals(status, {
      ...{ server: `dsmq/${VERSION}`, time: startedAt + 5000, epoch },
      ...{ durability: "memory", retention: 60_000, tokens: false },
      permissions: { read: ALL, write: ALL, work: ALL, admin: ALL },
    });
    const { memory, limits: uses, ...rest } = operation!;
    assertEquals(rest, {
      ...{ store: "memory", engine: "node:sqlite", replication: null },
      transport: kind === "mounted" ? "handler" : kind,
      ...{ startedAt, uptime: 5000 },
      stored: { messages: 2, bytes: 2 * (100 + 3 + 3), topics: 1 },
      ...{ groups: NO_GROUPS, fault: null },
      counts: {
        ...{ stored: 2, duplicates: 0, storedBytes: 6, delivered: 1, deliveredBytes: 3 },
        ...{ refused: 1, dropped: 0, slowReaders: 0 },
      },
      connections: { websocket: 1, http_request: 1, http_wait: 0, http_stream: 0 },
      pendingConnections: 0,
    });
    assert(memory.rss > memory.heapUsed && memory.heapUsed > 0);
    // The request of an administrator takes no slot.
    assertEquals(useOf(operation!, "connections"), [1, 11]);
    assertEquals(useOf(operation!, "pendingConnections"), [0, 3]);
    assertEquals(useOf(operation!, "storedBytes"), [212, 5000]);
    assertEquals(useOf(operation!, "topics"), [1, 7]);
    assertEquals(useOf(operation!, "totalCursors"), [1, 5000]);
    const names = uses.map(({ name }) => name);
    assertEquals(new Set(names).size, names.length);
    assertEquals(
      Object.keys(LIMITS).filter((name) => name.startsWith("total")),
      names.filter((name) => name.startsWith("total")).sort((a, b) =>
        Object.keys(LIMITS).indexOf(a) - Object.keys(LIMITS).indexOf(b)
      ),
    );
    for (const { name, unit } of uses) {
      assertEquals(unit, name.endsWith("Bytes") ? "bytes" : "count", name);
    }
  },
);

testHttp("what lasts is counted beside its limit, and as the metrics count it", async (open) => {
  await using server = await open({ metrics: true });
  await using mq = await connect(server.url);
  const leave = new AbortController();
  const { signal } = leave;
  const accept = "text/event-stream";
  const stream = await server.get("/topics/t", { headers: { accept }, signal });
  const waits = [mq.getWait("t", { timeout: 60_000, signal }).catch(() => {})];
  waits.push(server.get("/topics/t?after=now&wait=20", { signal }).then(() => {}, () => {}));
  for (;;) {
    const { operation } = await statusOf(server);
    const [used] = useOf(operation!, "totalWaits");
    if (used !== 2) continue;
    assertEquals(operation!.connections, {
      ...{ websocket: 1, http_request: 1, http_wait: 1, http_stream: 1 },
    });
    assertEquals(useOf(operation!, "totalSubscriptions")[0], 1);
    assertEquals(useOf(operation!, "connections")[0], 3);
    const families = parseMetrics(await (await server.get("/metrics")).text());
    for (const [kind, count] of Object.entries(operation!.connections)) {
      const { values } = families.get("dsmq_connections")!;
      assertEquals(values.get(`dsmq_connections{kind="${kind}"}`), count);
    }
    break;
  }
  leave.abort();
  await stream.body?.cancel().catch(() => {});
  await Promise.all(waits);
});

testHttp(
  "what is incomplete is counted over hardened, and elsewhere nobody claims to know it",
  async (open, kind) => {
    await using server = await open({ metrics: true });
    using client = await RawSocket.open(server.port);
    await client.send(clientFrame(1, new Uint8Array(100_000)).subarray(0, 50_000));
    const read = async () => {
      const { operation } = await statusOf(server);
      const [used, limit] = useOf(operation!, "totalPartialBytes");
      assert(limit! > 100_000);
      const { values } = parseMetrics(await (await server.get("/metrics")).text())
        .get("dsmq_partial_bytes")!;
      return [used, values.get("dsmq_partial_bytes")];
    };
    if (kind !== "hardened") return assertEquals(await read(), [null, undefined]);
    while ((await read()).some((bytes) => !(Number(bytes) >= 50_000)));
  },
);

testHttp("a server with a file says so, and what of it is there after a restart", async (open) => {
  using folder = new FileFolder();
  const options = { store: `sqlite:${folder.path}`, engine: "node:sqlite" } as const;
  let before: string;
  {
    await using server = await open(options);
    await (await server.post("/topics/t", "x")).body?.cancel();
    const { operation, durability, epoch } = await statusOf(server);
    assertEquals([operation!.store, durability, operation!.stored!.messages], [
      "sqlite",
      "disk",
      1,
    ]);
    before = epoch;
  }
  await using server = await open({ ...options, durability: "process" });
  const { operation, durability, epoch } = await statusOf(server);
  assertEquals([operation!.stored!.messages, operation!.counts.stored], [1, 0]);
  assertEquals([durability, epoch === before, operation!.fault], ["process", false, null]);
});

/** Tokens, and what their requests may do; without `isAdministrator` they learn nothing of the operation. */
const TOKENS: readonly {
  readonly grant: object;
  readonly permissions: ServerStatus["permissions"];
  readonly isAdministrator?: boolean;
}[] = [
  {
    grant: {},
    permissions: { read: ALL, write: ALL, work: ALL, admin: ALL },
    isAdministrator: true,
  },
  {
    grant: { permissions: ["admin"] },
    permissions: { read: [], write: [], work: [], admin: ALL },
    isAdministrator: true,
  },
  { grant: { permissions: ["read"] }, permissions: { read: ALL, write: [], work: [], admin: [] } },
  {
    grant: { permissions: ["work"], prefixes: ["jobs."] },
    permissions: { read: [], write: [], work: [{ prefix: "jobs." }], admin: [] },
  },
  { grant: { permissions: [] }, permissions: { read: [], write: [], work: [], admin: [] } },
  {
    grant: { topics: ["news"], prefixes: ["news."] },
    permissions: {
      read: [{ topic: "news" }, { prefix: "news." }],
      write: [{ topic: "news" }, { prefix: "news." }],
      work: [{ topic: "news" }, { prefix: "news." }],
      admin: [{ topic: "news" }, { prefix: "news." }],
    },
  },
  {
    grant: { permissions: ["admin"], topics: ["one"] },
    permissions: { read: [], write: [], work: [], admin: [{ topic: "one" }] },
  },
];

testHttp(
  "each token learns what it permits, and that of an administrator of all topics the rest",
  async (open) => {
    const tokens = TOKENS.map(({ grant }, i) => ({ token: `token-${i}`, ...grant }));
    const anonymous = { permissions: ["write"], topics: ["inbox"] } as const;
    await using server = await open({ auth: { tokens, anonymous } });
    for (const [i, { permissions, isAdministrator = false }] of TOKENS.entries()) {
      const status = await statusOf(server, bearer(`token-${i}`));
      assertEquals(status.permissions, permissions);
      assertEquals(status.operation !== undefined, isAdministrator, JSON.stringify(permissions));
      // A token counts wherever its request is from.
      const forwarded = await statusOf(server, { ...bearer(`token-${i}`), ...FORWARDED });
      assertEquals(forwarded.permissions, permissions);
      assertEquals(forwarded.operation !== undefined, isAdministrator);
    }
    const status = await statusOf(server);
    assertEquals(status.permissions, {
      read: [],
      write: [{ topic: "inbox" }],
      work: [],
      admin: [],
    });
    assertEquals(status.tokens, true);
    assertEquals(status.operation, undefined);
    const wrong = await server.get("/status", { headers: bearer("wrong") });
    assertEquals(wrong.headers.get("www-authenticate"), 'Bearer error="invalid_token"');
    assertEquals((await problemOf(wrong)).code, "unauthorized");
    await server.setAuth({ tokens: [] });
    const missing = await server.get("/status");
    assertEquals(missing.headers.get("www-authenticate"), "Bearer");
    assertEquals((await problemOf(missing)).status, 401);
  },
);

testHttp("a token that has expired learns nothing", async (open) => {
  const clock = new ManualClock();
  await using server = await open({ clock, auth: { jwt: { secret: SECRET } } });
  const dsmq = { permissions: ["admin"] };
  const exp = clock.now() / 1000 + 10;
  const headers = bearer(await signed(claims(clock.now(), { exp, sub: "a", dsmq })));
  assert((await statusOf(server, headers)).operation);
  clock.advance(3_600_000);
  assertEquals((await problemOf(await server.get("/status", { headers }))).status, 401);
});

testStores(
  "an administrator whose token changes while the store is asked learns no more than it permits then",
  async (serve) => {
    const changes: [auth: Auth, status: number][] = [
      [{ tokens: [{ token: "one", permissions: ["read"] }] }, 200],
      [{ tokens: [] }, 401],
    ];
    for (const [auth, expected] of changes) {
      const store = new HeldStore(["usage"]);
      await using server = await serve(store, undefined, { auth: "one" });
      store.hold();
      const held = store.nextHeld();
      const asked = server.get("/status", { headers: bearer("one") });
      await held;
      await server.setAuth(auth);
      store.release();
      const response = await asked;
      const { operation, permissions } = await response.json();
      assertEquals([response.status, operation], [expected, undefined]);
      if (expected === 200) {
        assertEquals(permissions, { read: ALL, write: [], work: [], admin: [] });
      }
    }
  },
);

testHttp("a server without tokens tells only its own machine how it does", async (open) => {
  const origin = "https://app.test";
  await using server = await open({ allowedOrigins: [origin] });
  for (const headers of [FORWARDED, { origin }] as Record<string, string>[]) {
    const { permissions, operation, tokens } = await statusOf(server, headers);
    assertEquals(permissions, { read: ALL, write: ALL, work: ALL, admin: [] });
    assertEquals(tokens, false);
    assertEquals(operation, undefined);
  }
  const { headers } = await server.get("/status", { headers: { origin }, method: "HEAD" });
  assertEquals(headers.get("access-control-allow-origin"), origin);
  assertEquals(headers.get("cache-control"), "no-store");
  const other = await server.get("/status", { headers: { origin: "https://evil.test" } });
  assertEquals((await problemOf(other)).status, 403);
});

testHttp(
  "an administrator sees the status while all slots are taken, others do not",
  async (open) => {
    await using server = await open({ limits: { connections: 1 } });
    await using _mq = await connect(server.url);
    const { operation } = await statusOf(server);
    assertEquals(useOf(operation!, "connections"), [1, 1]);
    assertEquals(
      (await problemOf(await server.get("/status", { headers: FORWARDED }))).status,
      503,
    );
  },
);

testHttp("the status has no parameters, and no token in its address", async (open) => {
  await using server = await open({ auth: "one" });
  const headers = bearer("one");
  const { detail } = await problemOf(await server.get("/status?full=1", { headers }));
  assertEquals(detail, 'There is no parameter "full" here');
  const address = await problemOf(await server.get("/status?token=one"));
  assertEquals(address.status, 400);
  const { status } = await problemOf(await server.post("/status", "x", headers));
  assertEquals(status, 405);
});
