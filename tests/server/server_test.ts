/**
 * The server: how it starts, and what it answers to clients that do not use dsmq.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { connect, serve, type ServeOptions, VERSION } from "@dsmq/server";
import { onFreedPort } from "../support/freed_port.ts";
import { RawClient } from "../support/raw_client.ts";

const quiet = { info() {}, warn() {}, error() {} };

/** Sends bytes to a port, returns the first line of the response, and disconnects. */
async function firstReplyLine(port: number, request: string): Promise<string> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode(request));
  const buffer = new Uint8Array(1024);
  const n = await conn.read(buffer) ?? 0;
  return new TextDecoder().decode(buffer.subarray(0, n)).split("\r\n")[0]!;
}

Deno.test("a server says where it listens, and how it stores messages", async () => {
  await using server = await serve({ port: 0 });
  assertEquals(server.host, "127.0.0.1");
  assert(server.port > 0);
  assertEquals(server.url, `ws://127.0.0.1:${server.port}`);
  assertMatch(server.storeDescription, /^memory on (node:sqlite|@db\/sqlite)$/);
  await using mq = await connect(server.url);
  assertEquals(mq.durability, "memory");
});

Deno.test("a server runs on the chosen engine", async () => {
  await using server = await serve({ port: 0, engine: "node:sqlite" });
  assertEquals(server.storeDescription, "memory on node:sqlite");
});

Deno.test("a server on all addresses can be reached by its url", async () => {
  await using server = await serve({ host: "0.0.0.0", port: 0, log: quiet });
  assertEquals([server.host, server.url], ["0.0.0.0", `ws://127.0.0.1:${server.port}`]);
  await using mq = await connect(server.url);
  assert(await mq.put("t", "message") > 0);
});

Deno.test("a server on an IPv6 address has it in brackets in its url", async () => {
  await using server = await serve({ host: "::1", port: 0 });
  assertEquals(server.url, `ws://[::1]:${server.port}`);
  await using mq = await connect(server.url);
  assert(await mq.put("t", "message") > 0);
});

Deno.test("a port in use is a clear error, and nothing is left running", async () => {
  await using first = await serve({ port: 0 });
  const error = await assertRejects(() => serve({ port: first.port }), Error, "the port is taken");
  assertStringIncludes(error.message, `127.0.0.1:${first.port}`);
  // Its owner is not disturbed.
  await using mq = await connect(first.url);
  assert(await mq.put("t", "message") > 0);
});

Deno.test("a port is free again once its server has stopped", async () => {
  const server = await serve({ port: 0 });
  const { port } = server;
  await server.shutdown();
  await using again = await onFreedPort(() => serve({ port }));
  assertEquals(again.port, port);
});

Deno.test("an address of another machine is a clear error", async () => {
  // From the address block that is reserved for documentation.
  const error = await assertRejects(() => serve({ host: "192.0.2.1", port: 0 }), Error);
  assertStringIncludes(error.message, "Cannot serve on 192.0.2.1:0");
});

Deno.test("an invalid host is a clear error", async () => {
  const error = await assertRejects(() => serve({ host: "no such host", port: 0 }), Error);
  assertStringIncludes(
    error.message,
    'host must be an address or a name, got "no such host": a name has',
  );
});

Deno.test("invalid options are refused with their names and values", async () => {
  const wrong: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [{ prot: 1 }, TypeError, 'no option "prot"'],
    [{ limits: { message: 1 } }, TypeError, 'no limit "message"'],
    [{ prot: 1 }, TypeError, "(there are: host, port, path, store, "],
    [{ limits: [] }, TypeError, "limits must be an object, got an array"],
    [{ host: "" }, RangeError, "host"],
    [{ host: 5 }, TypeError, "host"],
    [{ port: -1 }, RangeError, "got -1"],
    [{ port: 65536 }, RangeError, "got 65536"],
    [{ port: 1.5 }, RangeError, "got 1.5"],
    [{ port: "30008" }, TypeError, "30008"],
    [{ retention: 0 }, RangeError, "got 0"],
    [{ retention: NaN }, RangeError, "got NaN"],
    [{ retention: Infinity }, RangeError, "got Infinity"],
    [{ limits: { messageBytes: 1 } }, RangeError, "got 1"],
    [{ limits: { messageBytes: 33 * 1024 * 1024 } }, RangeError, "limits.messageBytes"],
    [{ store: "paper" }, RangeError, '"paper"'],
    [{ engine: "steam" }, RangeError, '"steam"'],
    [{ allowShutdown: "yes" }, TypeError, "allowShutdown"],
    [{ handleSignals: 1 }, TypeError, "handleSignals"],
    [{ allowedOrigins: ["null"] }, RangeError, '"null"'],
    [{ allowedOrigins: ["https://a.test/p"] }, RangeError, '"https://a.test/p": an origin is'],
    [{ allowedOrigins: [5] }, TypeError, "got one with 5"],
    [{ allowedOrigins: "*" }, TypeError, "allowedOrigins must be a list"],
    [{ allowedHosts: ["http://a.test"] }, RangeError, '"http://a.test": a host has no scheme'],
    [{ allowedHosts: [undefined] }, TypeError, "got one with nothing"],
    [{ allowedHosts: ["a.test", "*"] }, RangeError, '"*": * is not supported'],
    [{ host: "127.0.0.1:30008" }, RangeError, "the port is a separate option"],
    [{ cert: "x" }, TypeError, "there is no key"],
    [{ key: "x" }, TypeError, "there is no cert"],
    [{ cert: 5, key: "x" }, TypeError, "cert must be text in PEM"],
  ];
  for (const [options, ErrorClass, message] of wrong) {
    const error = await assertRejects(
      () => serve({ port: 0, ...options as ServeOptions }),
      ErrorClass,
      message,
    );
    assertStringIncludes(error.message, "Cannot serve: ");
  }
  for (const options of [null, 5, "x", [], true]) {
    const message = "Cannot serve: options must be an object, got";
    await assertRejects(() => serve(options as ServeOptions), TypeError, message);
  }
});

Deno.test("a browser gets a page about the server, and a probe its health", async () => {
  await using server = await serve({ port: 0 });
  const address = server.url.replace("ws:", "http:");
  const root = await fetch(`${address}/`);
  assertEquals(root.status, 200);
  assertStringIncludes(await root.text(), `dsmq/${VERSION}`);
  const health = await fetch(`${address}/health`);
  assertEquals([health.status, await health.text()], [200, "ok\n"]);
  const head = await fetch(`${address}/health`, { method: "HEAD" });
  assertEquals([head.status, await head.text()], [200, ""]);
});

Deno.test("an unknown path is not found, and a wrong method is not allowed", async () => {
  await using server = await serve({ port: 0 });
  const address = server.url.replace("ws:", "http:");
  const missing = await fetch(`${address}/etc/passwd`);
  assertEquals(missing.status, 404);
  assertEquals(missing.headers.get("content-type"), "application/problem+json");
  const { code, detail } = await missing.json();
  assertEquals([code, detail.includes("/etc/passwd")], ["not_found", true]);
  for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
    const refused = await fetch(`${address}/`, { method });
    await refused.text();
    assertEquals(
      [refused.status, refused.headers.get("allow")],
      [405, "GET, HEAD, OPTIONS"],
      method,
    );
  }
});

Deno.test("a malformed upgrade is a bad request, and the server continues", async () => {
  await using server = await serve({ port: 0, log: quiet });
  const upgrade = "Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
  const requests = [
    `GET / HTTP/1.1\r\n${upgrade}\r\n`,
    `GET / HTTP/1.1\r\n${upgrade}Sec-WebSocket-Version: 13\r\n\r\n`,
    `POST / HTTP/1.1\r\n${upgrade}Content-Length: 0\r\n\r\n`,
  ];
  for (const request of requests) {
    assertEquals(await firstReplyLine(server.port, request), "HTTP/1.1 400 Bad Request");
  }
  assertEquals(server.stats().connections, 0);
  await using mq = await connect(server.url);
  assert(await mq.put("t", "message") > 0);
});

/** What is told of groups where there are none. */
const NO_JOBS = { workers: 0, jobs: { claimed: 0, died: 0, givenUp: 0 } };

Deno.test("stats count connections, stored and delivered messages, and refusals", async () => {
  await using server = await serve({ port: 0, log: quiet });
  assertEquals(server.stats(), {
    connections: 0,
    pendingConnections: 0,
    stored: 0,
    delivered: 0,
    refused: 0,
    dropped: 0,
    ...NO_JOBS,
  });
  await using mq = await connect(server.url);
  await using other = await connect(server.url);
  await mq.put("t", "one");
  await mq.putMany("t", ["two", "three"]);
  assertEquals(server.stats(), {
    connections: 2,
    pendingConnections: 0,
    stored: 3,
    delivered: 0,
    refused: 0,
    dropped: 0,
    ...NO_JOBS,
  });
  await mq.get("t");
  await mq.getWait("t");
  await mq.get("an empty topic");
  await other.getLatest("t");
  assertEquals(server.stats().delivered, 3);
  await using stream = other.subscribe("t", { since: "start" });
  for (let i = 0; i < 3; i++) await stream.next();
  assertEquals(server.stats().delivered, 6);
  await using raw = await RawClient.open(server.url);
  await raw.request({ action: "dance", id: 1 });
  assertEquals(server.stats(), {
    connections: 3,
    pendingConnections: 0,
    stored: 3,
    delivered: 6,
    refused: 1,
    dropped: 0,
    ...NO_JOBS,
  });
});

Deno.test("stats count workers, and jobs that were claimed and have died", async () => {
  await using server = await serve({ port: 0, log: quiet });
  await using mq = await connect(server.url);
  await mq.putMany("t", ["one", "two"]);
  const jobs = [await mq.claim("t"), await mq.claim("t")];
  await jobs[0]!.dead("it is broken");
  await jobs[1]!.done();
  const worker = mq.work("t", () => {});
  while (server.stats().workers !== 1) await mq.groups();
  assertEquals(server.stats().jobs, { claimed: 2, died: 1, givenUp: 0 });
  await worker.stop();
  while (server.stats().workers !== 0) await mq.groups();
});

Deno.test("a closed connection no longer counts", async () => {
  await using server = await serve({ port: 0 });
  const mq = await connect(server.url);
  assertEquals(server.stats().connections, 1);
  await mq.close();
  // Another peer arrives after the close that the server has answered.
  await using _other = await connect(server.url);
  assertEquals(server.stats().connections, 1);
});

Deno.test("an invalid Host is refused, and is not a defect", async () => {
  const logged: unknown[] = [];
  const log = { info() {}, warn() {}, error: (...data: unknown[]) => void logged.push(data) };
  await using server = await serve({ port: 0, log });
  using line = await Deno.connect({ hostname: server.host, port: server.port });
  await line.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"));
  const buffer = new Uint8Array(1024);
  const length = await line.read(buffer);
  assertStringIncludes(new TextDecoder().decode(buffer.subarray(0, length ?? 0)), "HTTP/1.1 403 ");
  assertEquals(logged, []);
});

Deno.test("a reachable server over builtin says in one line that floods need hardened", async () => {
  for (const transport of ["builtin", "hardened"] as const) {
    for (const host of ["0.0.0.0", "127.0.0.1"]) {
      const lines: string[] = [];
      const log = { info() {}, warn: (line: string) => void lines.push(line), error() {} };
      await using _server = await serve({ host, port: 0, transport, auth: "secret", log });
      const warnings = lines.filter((line) => line.includes("use --transport hardened"));
      const warned = transport === "builtin" && host === "0.0.0.0";
      assertEquals(warnings.length, warned ? 1 : 0, `${transport} ${host}: ${lines}`);
    }
  }
});
