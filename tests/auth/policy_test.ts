/**
 * Access control: every row of the tables in `docs/access-control.md`, tested on a running server.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Grant, ServeOptions } from "@dsmq/server";
import { RawClient } from "../support/raw_client.ts";
import { UPGRADE } from "../support/raw_socket.ts";
import { openMounted } from "../support/mounted_server.ts";
import { openServer } from "../support/open_server.ts";
import { codeIn, optionsIn, policyTable } from "../support/policy_tables.ts";

/** A server of its own port, and a handler on the port of another. */
const OPEN = [openServer, openMounted];

/** Runs servers for the rows that share them. */
async function eachRow(
  heading: string,
  check: (port: number, row: readonly string[]) => Promise<void>,
): Promise<void> {
  const rows = policyTable(heading);
  assert(rows.length > 0);
  for (const [setup, those] of Map.groupBy(rows, ([setup]) => setup!)) {
    for (const open of OPEN) {
      await using server = await open(optionsIn(setup));
      for (const row of those) await check(server.port, row);
      assertEquals(server.stats().stored, 0);
    }
  }
}

/** Requests that need no permission. */
const HELLO = { action: "hello", id: 1 } as const;

/** The outcome of an upgrade, in the words of the tables. */
async function outcome(
  handshake: RawClient,
  first: { readonly action: "hello"; readonly id: number; readonly token?: string } = HELLO,
): Promise<string> {
  if (handshake.status !== 101) return String(handshake.status);
  const reply = await handshake.requestOrCode(first);
  if (typeof reply === "number") return String(reply);
  if (reply.error?.code !== "unauthorized") return "accepted";
  if (first.token === undefined) return "pending";
  const end = await handshake.nextEvent();
  return "code" in end ? String(end.code) : "pending";
}

/** Refused peers have learnt nothing about the queue. */
function assertNothingShown({ received }: RawClient, result: string): void {
  if (result === "accepted") return;
  for (const text of received) {
    assert(!/"(start|epoch|last|floor|dedupComplete|through|topics|seq)"/.test(text), text);
  }
}

const OFFERED = { "Sec-WebSocket-Protocol": "dsmq" };

Deno.test("a server accepts its address, a loopback name, or an allowed name", async () => {
  await eachRow("Host names", async (port, [setup, name, expected]) => {
    const host = name === "missing" ? undefined : codeIn(name!, port) ?? "";
    const own = `http://${(host ?? "").toLowerCase()}`;
    for (const origin of [undefined, own]) {
      const headers = { Host: host, Origin: origin, ...UPGRADE, ...OFFERED };
      using handshake = await RawClient.handshake(port, headers);
      const result = await outcome(handshake);
      assertEquals(result, expected, `${setup}, Host ${name}, Origin ${origin}`);
      assertNothingShown(handshake, result);
    }
    for (const path of ["/", "/health"]) {
      using handshake = await RawClient.handshake(port, { Host: host }, path);
      // Load balancers name no host.
      const shown = expected === "accepted" || (!host && path === "/health");
      assertEquals(handshake.status, shown ? 200 : 403, `${setup}, ${path} for Host ${name}`);
    }
  });
});

Deno.test("a page may connect from the server's own origin, or from an allowed one", async () => {
  await eachRow("Origins", async (port, [setup, from, expected]) => {
    const origin = from === "missing" ? undefined : codeIn(from!, port) ?? "";
    for (const offered of [{}, OFFERED]) {
      const headers = { Host: `127.0.0.1:${port}`, Origin: origin, ...UPGRADE, ...offered };
      using handshake = await RawClient.handshake(port, headers);
      const result = await outcome(handshake);
      assertEquals(result, expected, `${setup}, Origin ${from}`);
      assertNothingShown(handshake, result);
    }
    for (const path of ["/", "/health"]) {
      const headers = { Host: `127.0.0.1:${port}`, Origin: origin };
      using handshake = await RawClient.handshake(port, headers, path);
      assertEquals(handshake.status, 200, `${setup}, ${path} for Origin ${from}`);
    }
  });
});

/** What the words for tokens stand for. */
function withToken(
  cell: string,
): { header?: string; protocol?: string; hello?: string; path?: string } {
  if (cell === "nothing") return {};
  const [, word, rest] = /^`(.+?)`(.*)$/.exec(cell)!;
  if (rest === " in `hello`") return { hello: word! };
  if (rest === " in the address") return { path: `/?token=${word}&access_token=${word}` };
  return word!.startsWith("dsmq.") ? { protocol: word! } : { header: word! };
}

Deno.test("a token is read from each of its places, and from no other", async () => {
  await eachRow("Tokens", async (port, [setup, what, own, expected]) => {
    const { header, protocol, hello, path } = withToken(what!);
    const offered = [own === "yes" ? "dsmq" : "", protocol ?? ""].filter((name) => name !== "");
    const headers = {
      ...UPGRADE,
      "Host": `127.0.0.1:${port}`,
      "Authorization": header,
      "Sec-WebSocket-Protocol": offered.length > 0 ? offered.join(", ") : undefined,
    };
    using handshake = await RawClient.handshake(port, headers, path);
    const first = hello === undefined ? undefined : { ...HELLO, token: hello };
    const result = await outcome(handshake, first);
    assertEquals(result, expected, `${setup}, ${what}, dsmq offered: ${own}`);
    assertNothingShown(handshake, result);
    const echoed = /^sec-websocket-protocol: (.*)$/im.exec(handshake.received[0]!)?.[1];
    if (handshake.status === 101) assertEquals(echoed, own === "yes" ? "dsmq" : undefined);
  });
});

/** A request of each action, about a topic. */
const REQUESTS: Readonly<Record<string, object>> = {
  put: { body: "m", message: "m" },
  get: {},
  get_latest: {},
  get_wait: { timeout: 0 },
  subscribe: { messages: 1, bytes: 100 },
  topics: {},
  work: { worker: "a-worker-of-a-test", credit: 1 },
  finish: { done: [1] },
  extend: { worker: "a-worker-of-a-test" },
  groups: {},
  dead: {},
  redrive: {},
  create_group: {},
  delete_group: {},
  purge: {},
  shutdown: {},
  connections: {},
  disconnect: { connection: "nobody" },
  backup: {},
  hello: {},
  heartbeat: {},
  cancel: { wait: 99 },
  credit: { sub: 99, messages: 1, bytes: 1 },
  unsubscribe: { sub: 99 },
};

/** The columns, by the grant of each. */
const GRANTS: readonly Grant[] = [
  { permissions: ["read"], prefixes: ["mine."] },
  { permissions: ["write"], prefixes: ["mine."] },
  { permissions: ["work"], prefixes: ["mine."] },
  { permissions: ["admin"] },
  { permissions: ["admin"], prefixes: ["mine."] },
  { permissions: [], prefixes: ["mine."] },
  { prefixes: ["other.", "mine!"] },
];

Deno.test("each permission allows its actions, in its topics, with a token and without", async () => {
  const rows = policyTable("Permissions");
  assertEquals(rows.map(([action]) => action), Object.keys(REQUESTS).map((name) => `\`${name}\``));
  for (const [i, grant] of GRANTS.entries()) {
    for (const anonymous of [false, true]) {
      // Connections without a token and without a grant are refused: that is another table.
      if (anonymous && grant.permissions?.length === 0) continue;
      const options: ServeOptions = anonymous
        ? { auth: { tokens: [], anonymous: grant }, allowShutdown: true }
        : { auth: { tokens: [{ token: "good", ...grant }] }, allowShutdown: true };
      const server = await openServer(options);
      const headers = {
        Host: `127.0.0.1:${server.port}`,
        Authorization: anonymous ? undefined : "Bearer good",
        ...UPGRADE,
      };
      using handshake = await RawClient.handshake(server.port, headers);
      // The request that ends the server comes last.
      const ordered = rows.toSorted(([a], [b]) =>
        Number(a === "`shutdown`") - Number(b === "`shutdown`")
      );
      for (const [id, [cell, ...verdicts]] of ordered.entries()) {
        const action = cell!.slice(1, -1);
        const allowed = verdicts[i] !== "no";
        const request = { action, topic: "mine.t", ...REQUESTS[action] };
        const where = `${action}, ${JSON.stringify(grant)}, anonymous: ${anonymous}`;
        if (action === "get" || action === "get_latest") {
          const plain = await handshake.request(request);
          assertEquals(plain.message, "", where);
          assertEquals(plain.error?.code, allowed ? undefined : "permission_denied", where);
        }
        // Requests of dsmq 1.x that have no reply get none, allowed or not.
        if (action === "put" || !allowed && action === "shutdown") await handshake.send(request);
        const reply = await handshake.request({ ...request, id });
        assertEquals(reply.id, id, where);
        const done = action === "disconnect" ? "not_found" : undefined;
        assertEquals(reply.error?.code, allowed ? done : "permission_denied", where);
        if (action === "topics" && allowed) assertEquals(reply.topics, [], where);
        if (action === "shutdown" && allowed) {
          handshake[Symbol.dispose]();
          await server.finished;
        }
      }
      handshake[Symbol.dispose]();
      const stored = rows.find(([action]) => action === "`put`")![i + 1] === "no" ? 0 : 2;
      assertEquals(server.stats().stored, stored);
      await server.shutdown();
    }
  }
});

Deno.test("a shutdown needs the server's option as well, and without tokens the option alone", async () => {
  for (const auth of [undefined, "good"]) {
    await using server = await openServer({ ...(auth && { auth }) });
    const headers = { Host: `127.0.0.1:${server.port}`, Authorization: "Bearer good", ...UPGRADE };
    using handshake = await RawClient.handshake(server.port, headers);
    const { error } = await handshake.request({ action: "shutdown", id: 1 });
    handshake[Symbol.dispose]();
    assertEquals(error.code, "permission_denied");
    assertStringIncludes(error.message, "the server does not allow clients to stop it");
  }
  const open = await openServer({ allowShutdown: true });
  using handshake = await RawClient.handshake(open.port, {
    Host: `127.0.0.1:${open.port}`,
    ...UPGRADE,
  });
  assertEquals(await handshake.request({ action: "shutdown", id: 1 }), { id: 1 });
  handshake[Symbol.dispose]();
  await open.finished;
});
