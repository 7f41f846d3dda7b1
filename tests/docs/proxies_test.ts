/**
 * The configurations of nginx and Caddy that `docs/guide.md` shows, in front of a running server.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect, type Connection, type Server, type TransportChoice } from "@dsmq/server";
import { nginxSite, SITES, startProxy } from "../support/guide_sites.ts";
import { ignoredIf } from "../support/ignored_if.ts";
import { clientFrame, upgradeRequest } from "../support/raw_socket.ts";
import { missingProgram } from "../support/installed_program.ts";
import { openServer } from "../support/open_server.ts";
import type { ReverseProxy } from "../support/reverse_proxy.ts";
import { withTimeout } from "../support/with_timeout.ts";

const ORIGIN = "https://mq.example.org";
const TOKEN = "a-long-secret";

/** A server behind a proxy; its warnings are added to a list. */
function startServer(
  transport: TransportChoice = "builtin",
  warnings: string[] = [],
): Promise<Server> {
  const allowedHosts = ["mq.example.org", "example.org"];
  const log = { info() {}, warn: (line: string) => void warnings.push(line), error() {} };
  return openServer({ transport, auth: TOKEN, allowedHosts, allowedOrigins: [ORIGIN], log });
}

/** Connects as a web page does: with an origin, and the token as a subprotocol. */
function connectAsPage(
  { client }: ReverseProxy,
  url: string,
  heartbeatInterval = 10_000,
): Promise<Connection> {
  return connect(url, {
    token: TOKEN,
    heartbeatInterval,
    reconnect: { minDelay: 10, maxDelay: 50 },
    dial: (url, protocols) =>
      new WebSocket(url, { protocols, client, headers: { origin: ORIGIN } }),
  });
}

/** Whether a page of an origin gets a connection. */
async function opens({ client }: ReverseProxy, url: string, origin: string): Promise<boolean> {
  const headers = { origin, authorization: `Bearer ${TOKEN}` };
  const socket = new WebSocket(url, { client, headers });
  const closed = new Promise((resolve) => socket.onclose = resolve);
  const opened = await new Promise<boolean>((resolve) => {
    socket.onopen = () => resolve(true);
    socket.onerror = () => resolve(false);
  });
  socket.close();
  await closed;
  return opened;
}

/** What comes until the connection ends. */
async function readAll(conn: Deno.Conn): Promise<number[]> {
  const received: number[] = [];
  const buffer = new Uint8Array(4096);
  for (let count; (count = await conn.read(buffer).catch(() => null)) !== null;) {
    received.push(...buffer.subarray(0, count));
  }
  return received;
}

for (const { program, site, url } of SITES) {
  const missing = await missingProgram(program);
  const where = `${program} at ${new URL(url).pathname}`;
  for (const transport of ["builtin", "hardened"] as const) {
    Deno.test({
      ...ignoredIf(missing, `the guide's ${where} carries everything to a server on ${transport}`),
      async fn() {
        const warnings: string[] = [];
        await using server = await startServer(transport, warnings);
        await using proxy = await startProxy(program, site, server);
        await using page = await connectAsPage(proxy, url);
        // And as other programs do: with the token in a header.
        await using mq = await connect(url, {
          dial: (url, protocols) => {
            const headers = { authorization: `Bearer ${TOKEN}` };
            return new WebSocket(url, { protocols, client: proxy.client, headers });
          },
        });
        const large = "x".repeat(900_000);
        const waiting = page.getWait("t");
        assertEquals([await mq.put("t", large), await waiting], [1, large]);
        await mq.putMany("t", ["two", "three"]);
        const read: string[] = [];
        for await (const { body } of page.subscribe("t")) if (read.push(body) === 2) break;
        assertEquals(read, ["two", "three"]);

        const proxyWarnings = warnings.filter((line) => line.includes("through a proxy"));
        assertEquals(proxyWarnings.length, transport === "builtin" ? 1 : 0);

        const { client } = proxy;
        const health = await fetch(new URL("health", url.replace("wss:", "https:")), { client });
        assertEquals([health.status, await health.text()], [200, "ok\n"]);
        assertEquals(await opens(proxy, url, ORIGIN), true);
        assertEquals(await opens(proxy, url, "https://evil.example"), false);
      },
    });
  }
}

for (const { program, site, url } of [SITES[0]!, SITES[2]!]) {
  Deno.test({
    ...ignoredIf(
      await missingProgram(program),
      `nothing is lost or doubled when ${program} is restarted`,
    ),
    async fn() {
      await using server = await startServer();
      await using proxy = await startProxy(program, site, server);
      await using mq = await connectAsPage(proxy, url);
      await using reader = mq.subscribe("t", { since: "start" });
      const bodies = ["before", "in the meantime", "after"];
      await mq.put("t", bodies[0]!);
      const statuses = mq.statusChanges();
      assertEquals((await statuses.next()).value?.status, "connected");
      await proxy.stop();
      assertEquals((await statuses.next()).value?.status, "reconnecting");
      const put = mq.put("t", bodies[1]!);
      await proxy.restart();
      await put;
      await mq.put("t", bodies[2]!);
      const read: string[] = [];
      for await (const { body } of reader) if (read.push(body) === 3) break;
      assertEquals([read, server.stats().stored], [bodies, 3]);
    },
  });
}

Deno.test({
  ...ignoredIf(
    await missingProgram("nginx"),
    "heartbeats keep a quiet connection open past nginx's proxy_read_timeout",
  ),
  async fn() {
    await using server = await startServer();
    const impatient = nginxSite.replace("proxy_read_timeout 1h", "proxy_read_timeout 1s");
    await using proxy = await startProxy("nginx", impatient, server);
    const { url } = SITES[0]!;
    await using mq = await connectAsPage(proxy, url, 250);
    const statuses = mq.statusChanges();
    await statuses.next();
    // Sockets that were opened later and have no heartbeats are closed by nginx meanwhile: two of them, one after the
    // other, for its timers may be 0.3 s late.
    for (let i = 0; i < 2; i++) {
      const headers = { authorization: `Bearer ${TOKEN}` };
      const silent = new WebSocket(url, { client: proxy.client, headers });
      await new Promise((resolve) => silent.onclose = resolve);
    }
    await mq.put("t", "still the same connection");
    await mq.close();
    assertEquals((await statuses.next()).value?.status, "closed");
  },
});

Deno.test({
  ...ignoredIf(
    await missingProgram("nginx"),
    "an endless message that comes through nginx without a token is refused by a server on hardened",
  ),
  async fn() {
    await using server = await startServer("hardened");
    await using proxy = await startProxy("nginx", nginxSite, server);
    using conn = await proxy.connect("mq.example.org");
    await conn.write(new TextEncoder().encode(upgradeRequest("Sec-WebSocket-Protocol: dsmq")));
    const part = clientFrame(0, new Uint8Array(64 * 1024), { final: false });
    const sending = (async () => {
      await conn.write(clientFrame(1, "a", { final: false }));
      for (;;) {
        for (let sent = 0; sent < part.length;) sent += await conn.write(part.subarray(sent));
      }
    })().catch(() => {});
    const received = await withTimeout(readAll(conn), 20_000);
    await sending;
    const close = received.slice(received.lastIndexOf(0x88));
    assertEquals((close[2]! << 8) | close[3]!, 4401);
  },
});
