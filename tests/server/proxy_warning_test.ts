/**
 * A server on loopback that runs `builtin` says that a proxy does not protect it, as soon as one shows.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import type { ServeOptions } from "@dsmq/server";
import { httpRequest } from "../support/raw_http.ts";
import { openServer } from "../support/open_server.ts";
import { getRequest, UPGRADE } from "../support/raw_socket.ts";

const allowedHosts = ["mq.example.org"];

/** A server on this machine, and the warnings that it gave. */
async function watchedServer(options: ServeOptions = {}) {
  const warnings: string[] = [];
  const log = { info() {}, warn: (line: string) => void warnings.push(line), error() {} };
  const server = await openServer({ allowedHosts, ...options, log });
  return {
    /** Requests a WebSocket; the status of the response. */
    async upgrade(headers: Readonly<Record<string, string>>): Promise<number> {
      const request = getRequest({ Host: "localhost", ...UPGRADE, ...headers });
      return (await httpRequest(server.port, new TextEncoder().encode(request))).status;
    },
    server,
    /** The warnings of proxies. */
    get warnings() {
      return warnings.filter((line) => line.includes("through a proxy"));
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** What proxies send, and how the warning names it. */
const SIGNS: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
  [{ "X-Forwarded-For": "203.0.113.7" }, "it has the header X-Forwarded-For"],
  [{ "X-Forwarded-Host": "mq.example.org" }, "it has the header X-Forwarded-Host"],
  [{ "X-Forwarded-Proto": "https" }, "it has the header X-Forwarded-Proto"],
  [{ "forwarded": "for=203.0.113.7" }, "it has the header Forwarded"],
  [{ "X-Real-IP": "203.0.113.7" }, "it has the header X-Real-IP"],
  [{ "Via": "1.1 proxy" }, "it has the header Via"],
  [{ "Host": "mq.example.org" }, 'its Host is "mq.example.org"'],
  [{ "Host": "192.0.2.1:443" }, 'its Host is "192.0.2.1:443"'],
  [{ "Host": "[2001:db8::1]" }, 'its Host is "[2001:db8::1]"'],
];

Deno.test("builtin on loopback warns once that a proxy does not protect it, whatever gives the proxy away", async () => {
  for (const [headers, sign] of SIGNS) {
    await using watched = await watchedServer();
    for (let i = 0; i < 3; i++) assertEquals(await watched.upgrade(headers), 101);
    for (const [others] of SIGNS) await watched.upgrade(others);
    assertEquals(watched.warnings.length, 1, sign);
    assertStringIncludes(watched.warnings[0]!, `(${sign})`);
    assertStringIncludes(watched.warnings[0]!, "use --transport hardened");
  }
});

Deno.test("a proxy is noticed by a client without its token, too: that is whom builtin is not for", async () => {
  await using watched = await watchedServer({ auth: "secret" });
  assertEquals(await watched.upgrade({ "X-Forwarded-For": "203.0.113.7" }), 401);
  assertEquals(watched.warnings.length, 1);
});

Deno.test("clients of this machine, and pages that are refused, are not taken for a proxy", async () => {
  await using watched = await watchedServer();
  const names = ["localhost", "localhost:30008", "a.localhost"];
  for (const host of [...names, "127.0.0.2:1", "[::1]:1", "0.0.0.0:1", "[::]:1"]) {
    assertEquals(await watched.upgrade({ Host: host }), 101);
  }
  assertEquals(await watched.upgrade({ Host: "rebound.example" }), 403);
  const foreign = { "X-Forwarded-For": "203.0.113.7", "Origin": "https://evil.example" };
  assertEquals(await watched.upgrade(foreign), 403);
  assertEquals(watched.warnings, []);
});

Deno.test("hardened behind a proxy needs no warning, and a server that others can reach has had it", async () => {
  for (const options of [{ transport: "hardened" }, { host: "0.0.0.0" }] as const) {
    await using watched = await watchedServer(options);
    for (const [headers] of SIGNS) assertEquals(await watched.upgrade(headers), 101);
    assertEquals(watched.warnings, []);
  }
});
