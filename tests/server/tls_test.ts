/**
 * TLS: the certificate of `tests/fixtures` is for localhost, self-signed, and valid for a hundred years.
 *
 * @module
 */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { connect, DsmqError } from "@dsmq/server";
import { openServer } from "../support/open_server.ts";
import { Program, ROOT } from "../support/program.ts";
import { withTimeout } from "../support/with_timeout.ts";

const CERT = "tests/fixtures/localhost_cert.pem";
const KEY = "tests/fixtures/localhost_key.pem";
const cert = await Deno.readTextFile(new URL(CERT, ROOT));
const key = await Deno.readTextFile(new URL(KEY, ROOT));

Deno.test("with a certificate and its key, everything uses TLS, including pages", async () => {
  await using server = await openServer({ cert, key, auth: "good" });
  assertEquals(server.url, `wss://127.0.0.1:${server.port}`);
  using client = Deno.createHttpClient({ caCerts: [cert] });
  for (const name of ["localhost", "127.0.0.1"]) {
    const page = await fetch(`https://${name}:${server.port}/health`, { client });
    assertEquals([page.status, await page.text()], [200, "ok\n"]);
  }
  const run = async (...args: string[]) => {
    const program = ["--allow-net", "--allow-env", "--no-prompt", "cli.ts", ...args];
    await using child = new Program(program, {
      DENO_CERT: new URL(CERT, ROOT).pathname,
      DSMQ_TOKEN: "good",
    });
    return await child.end();
  };
  const url = `wss://localhost:${server.port}`;
  const put = await run("put", "t", "over TLS", "--url", url);
  assertEquals(put, { code: 0, stdout: "", stderr: "" });
  const get = await run("get", "t", "--url", server.url);
  assertEquals(get, { code: 0, stdout: "over TLS", stderr: "" });
});

Deno.test("with TLS, the own origin begins with https, and no other is allowed", async () => {
  await using server = await openServer({ cert, key });
  const authority = `localhost:${server.port}`;
  for (
    const [origin, status] of [[`https://${authority}`, 101], [`http://${authority}`, 403], [
      "https://localhost",
      403,
    ]] as const
  ) {
    const conn = await Deno.connectTls({
      hostname: "localhost",
      port: server.port,
      caCerts: [cert],
      alpnProtocols: ["http/1.1"],
    });
    const lines = [
      "GET / HTTP/1.1",
      `Host: ${authority}`,
      `Origin: ${origin}`,
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      `Sec-WebSocket-Key: ${btoa("0123456789abcdef")}`,
    ];
    await conn.write(new TextEncoder().encode(lines.join("\r\n") + "\r\n\r\n"));
    const buffer = new Uint8Array(4096);
    const text = new TextDecoder().decode(buffer.subarray(0, await conn.read(buffer) ?? 0));
    assertStringIncludes(text, `HTTP/1.1 ${status} `, origin);
    conn.close();
  }
});

Deno.test("a client that does not trust the certificate does not connect, and one without TLS does not either", async () => {
  await using server = await openServer({ cert, key });
  for (const url of [server.url, server.url.replace("wss:", "ws:")]) {
    const error = await assertRejects(() => connect(url, { timeout: 300 }), DsmqError);
    assertEquals(error.code, "unreachable");
  }
});

Deno.test("hardened: connections without TLS are counted and logged in one line; a mere port check is not", async () => {
  const logged: unknown[] = [];
  const log = { info() {}, warn: (line: unknown) => void logged.push(line), error: console.error };
  await using server = await openServer({ transport: "hardened", cert, key, log });
  for (let i = 0; i < 3; i++) {
    using probe = await Deno.connect({ port: server.port });
    using plain = await Deno.connect({ port: server.port });
    await plain.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    // A TLS alert tells it.
    const alert = new Uint8Array(100);
    assertEquals([await withTimeout(plain.read(alert)), alert[0]], [7, 21]);
    void probe;
  }
  await assertRejects(() => fetch(server.url.replace("wss:", "https:")), TypeError);
  using client = Deno.createHttpClient({ caCerts: [cert] });
  const page = await fetch(`https://localhost:${server.port}/health`, { client });
  assertEquals(await page.text(), "ok\n");
  assertEquals([server.stats().refused, logged.length], [4, 1]);
  assertStringIncludes(String(logged[0]), "Cannot begin TLS: ");
});
