/**
 * Why connect failed: in the message, in the cause, as a code, and at once if retrying cannot help.
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
import { connect, type DsmqError } from "@dsmq/server";
import { ConnectError } from "../../client/connect_error.ts";
import { requestUpgrade } from "../../client/deno/handshake.ts";
import { HandshakeServer, refusal, response } from "../support/handshake_server.ts";
import { openServer } from "../support/open_server.ts";
import { Program, ROOT } from "../support/program.ts";

const utf8 = new TextEncoder();

for (
  const status of [
    "200 OK",
    "204 No Content",
    "300 Multiple Choices",
    "302 Found",
    "400 Bad Request",
    "403 Forbidden",
    "404 Not Found",
    "407 Proxy Authentication Required",
    "426 Upgrade Required",
    "501 Not Implemented",
    "505 HTTP Version Not Supported",
  ]
) {
  Deno.test(`an answer of ${status} is reported with its reason, and not retried`, async () => {
    await using server = new HandshakeServer(() => response(status, "because of this\nand more"));
    const error = await refusal(server.url);
    assertEquals([error.code, error.reason], ["unreachable", "http_status"]);
    assertEquals(error.status, Number(status.slice(0, 3)));
    assert(error.message.startsWith(`Cannot connect to ${server.url}: the answer is`));
    assert(error.message.endsWith(`${status}: because of this`), error.message);
    assertEquals(server.requests.length, 1);
  });
}

for (const status of ["429 Too Many Requests", "500 Oops", "502 Bad Gateway", "503 x", "504 y"]) {
  Deno.test(`an answer of ${status} is retried, and reported in the end`, async () => {
    await using server = new HandshakeServer(() => response(status, "no upstream"));
    const error = await refusal(server.url, { timeout: 300 });
    assertEquals([error.code, error.reason], ["unreachable", "http_status"]);
    assertEquals(error.status, Number(status.slice(0, 3)));
    assertMatch(error.message, /: the answer is 5|4.*: no upstream \(\d+ tries in 0\.\d s\)$/);
    assert(server.requests.length > 2);
  });
}

Deno.test("a server that sends Retry-After is not asked before", async () => {
  await using server = new HandshakeServer(() => response("503 Busy", "", "Retry-After: 1\r\n"));
  await refusal(server.url, { timeout: 900 });
  assertEquals(server.requests.length, 1);
  const before = new Date(Date.now() - 60_000).toUTCString();
  await using past = new HandshakeServer(() =>
    response("503 Busy", "", `Retry-After: ${before}\r\n`)
  );
  await refusal(past.url, { timeout: 300 });
  assert(past.requests.length > 2);
});

Deno.test("the text of a refusal is shown short, in one line and without control characters", async () => {
  for (
    const [body, headers, expected] of [
      ["\u001b[2Jred\u0007\u202e alert\u0000", "", " [2Jred   alert"],
      ["\r\n\n  behind empty lines\nmore", "", " behind empty lines"],
      ["<html>\r\n<head><title>400 Sent to\n HTTPS</title></head>", "", " 400 Sent to HTTPS"],
      ["<!doctype html><p>no title", "", ""],
      ["x".repeat(5000), "", ` ${"x".repeat(200)}…`],
      ["", "", ""],
    ]
  ) {
    await using server = new HandshakeServer(() =>
      String.fromCharCode(...utf8.encode(response("403 Forbidden", body, headers)))
    );
    const { message } = await refusal(server.url);
    const whole = `the answer is 403 Forbidden${expected && `:${expected}`}`;
    assert(message.endsWith(whole), JSON.stringify(message));
  }
  const chunked = "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nparts\r\n0\r\n\r\n";
  await using server = new HandshakeServer(() => chunked);
  assert((await refusal(server.url)).message.endsWith("403 No: parts"));
});

Deno.test("a refusal whose text never ends is not waited for", async () => {
  await using server = new HandshakeServer(() =>
    "HTTP/1.1 403 No\r\nContent-Length: 99\r\n\r\nbegun"
  );
  const { message, took } = await refusal(server.url);
  assert(message.endsWith("403 No: begun"), message);
  assert(took < 3000, `${took} ms`);
});

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`a refused Host is reported in the words of the server: ${transport}`, async () => {
    await using server = await openServer({ transport });
    using conn = await Deno.connect({ port: server.port });
    const error = await assertRejects(
      () => requestUpgrade(conn, new URL(`ws://other.example:${server.port}`), ["dsmq"]),
      ConnectError,
    );
    assertEquals([error.status, error.final], [403, true]);
    assertMatch(
      error.message,
      /^the answer is 403 Forbidden: .*the Host "other\.example:\d+".*allow/,
    );
  });

  Deno.test(`a path with a bad escape is left to the server: ${transport}`, async () => {
    await using server = await openServer({ transport });
    try {
      await using mq = await connect(`${server.url}/%zz`, { timeout: 10_000 });
      assertEquals(await mq.put("t", "m"), 1);
    } catch (error) {
      assertEquals((error as DsmqError).reason, "http_status");
    }
  });
}

for (
  const [what, status, reason] of [
    ["SSH", "SSH-2.0-OpenSSH_9.6\r\n", "not_websocket"],
    ["Redis", "-ERR unknown command\r\n", "not_websocket"],
    ["HTTP/2", "\x00\x00\x12\x04\x00", "not_websocket"],
    ["no version of HTTP", "HTTP/1.1 abc Fine\r\n\r\n", "not_websocket"],
    ["a false accept", "HTTP/1.1 101 Fine\r\nUpgrade: websocket\r\n\r\n", "not_websocket"],
    ["an alert of TLS", "\x15\x03\x03\x00\x02\x02\x32", "tls_needed"],
  ] as const
) {
  Deno.test(`an answer from ${what} is reported at once, and not retried`, async () => {
    await using server = new HandshakeServer(() => status);
    const error = await refusal(server.url);
    assertEquals([error.code, error.reason], ["unreachable", reason]);
    assert(error.message.includes(server.url));
    assertEquals(server.requests.length, 1);
    // deno-lint-ignore no-control-regex -- these are looked for
    assert(!/[\x00-\x1f]/.test(error.message), JSON.stringify(error.message));
  });
}

Deno.test("when nothing listens, the error states it, and how to start a server if the address is on this machine", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const retries: DsmqError[] = [];
  const begin = performance.now();
  let first = Infinity;
  const onRetry = (error: DsmqError) => {
    first = Math.min(first, performance.now() - begin);
    retries.push(error);
  };
  const error = await refusal({ port }, { timeout: 400, onRetry });
  assertEquals([error.code, error.reason], ["unreachable", "refused"]);
  const reason = `nothing listens there; to start a server: dsmq serve --port ${port}`;
  assertMatch(error.message, /^.* \(\d+ tries in 0\.[45] s\)$/);
  assert(error.message.startsWith(`Cannot connect to ws://127.0.0.1:${port}: ${reason}`));
  assert(error.cause instanceof Deno.errors.ConnectionRefused);
  assert(first < 300, `told after ${first} ms`);
  assertEquals(retries[0]!.message, `Cannot connect to ws://127.0.0.1:${port}: ${reason}`);
  assertEquals(retries[0]!.reason, "refused");
});

Deno.test("a host name that does not exist is reported at once", async () => {
  const error = await refusal("ws://no-such-host.invalid:1");
  assertEquals([error.code, error.reason], ["unreachable", "name_not_found"]);
  assert(error.message.includes('there is no host "no-such-host.invalid"'), error.message);
  assert(error.took < 5000);
});

Deno.test("a port that accepts and stays silent is reported as such, with how far it came", async () => {
  await using silent = new HandshakeServer(() => undefined);
  const error = await refusal(silent.url, { timeout: 300 });
  assertEquals(error.reason, "silent");
  assertMatch(
    error.message,
    /accepted there, but the request for a WebSocket is not answered \(1 t/,
  );
  await using silentPort = new HandshakeServer(() => undefined);
  const tls = await refusal(silentPort.url.replace("ws:", "wss:"), { timeout: 300 });
  assertEquals(tls.reason, "silent");
  assertMatch(tls.message, /accepted there, but its TLS handshake is not answered \(1 try/);
});

Deno.test("a connection that ends without a close frame is retried, and reported as broken", async () => {
  for (const scheme of ["ws:", "wss:"]) {
    await using abruptPort = new HandshakeServer(() => undefined, false);
    const error = await refusal(abruptPort.url.replace("ws:", scheme), { timeout: 300 });
    assertEquals(error.reason, "broken", error.message);
    assert(error.message.includes(scheme === "ws:" ? "wss://" : "(ws://)"), error.message);
    assert(abruptPort.requests.length > 2);
  }
});

Deno.test("a truncated answer is retried", async () => {
  await using cut = new HandshakeServer(() => "HTTP/1.1 101 Swi", false);
  const error = await refusal(cut.url, { timeout: 300 });
  assertEquals(error.reason, "broken");
  assert(error.message.includes("during the response"), error.message);
  assert(cut.requests.length > 2);
});

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`TLS on one side only is reported as such: ${transport}`, async () => {
    const [cert, key] = await Promise.all(
      ["cert", "key"].map((part) =>
        Deno.readTextFile(new URL(`tests/fixtures/localhost_${part}.pem`, ROOT))
      ),
    );
    await using secure = await openServer({ transport, cert: cert!, key: key! });
    const needed = await refusal(secure.url.replace("wss:", "ws:"));
    assertEquals(needed.reason, "tls_needed");
    assert(needed.message.includes("wss://") && needed.took < 3000, needed.message);
    const untrusted = await refusal(secure.url);
    assertEquals(untrusted.reason, "certificate_untrusted");
    assert(untrusted.took < 3000);
    await using plain = await openServer({ transport });
    const none = await refusal(plain.url.replace("ws:", "wss:"), { timeout: 300 });
    assert(["no_tls", "broken"].includes(none.reason!), none.message);
    assert(none.message.includes("ws://"), none.message);
  });
}

Deno.test("a certificate for another name, or an expired one, is reported as such", async () => {
  const file = (name: string) => new URL(`tests/fixtures/${name}.pem`, ROOT);
  const [cert, key, expired, expiredKey] = await Promise.all(
    ["localhost_cert", "localhost_key", "expired_cert", "expired_key"].map((name) =>
      Deno.readTextFile(file(name))
    ),
  );
  await using named = await openServer({ cert: cert!, key: key!, host: "127.0.0.2" });
  await using program = new Program(
    ["-A", "cli.ts", "get", "t", "--url", `wss://127.0.0.2:${named.port}`],
    { DENO_CERT: file("localhost_cert").pathname },
  );
  const { code, stderr } = await program.end();
  assertEquals(code, 1);
  assertMatch(stderr, /the server's certificate is not for 127\.0\.0\.2, but for .*localhost/);
  await using old = await openServer({ cert: expired!, key: expiredKey! });
  const error = await refusal(old.url);
  assertEquals(error.reason, "certificate_expired");
  assertMatch(error.message, /the server's certificate has expired, on 2021-01-01$/);
});

/** A WebSocket that fails as in browsers. */
function failingSocket() {
  const socket = {
    send() {},
    close() {},
    onopen: null,
    onmessage: null,
    onclose: null,
    onerror: null as ((event: Event) => void) | null,
  };
  queueMicrotask(() => socket.onerror!(new Event("error")));
  return socket;
}

Deno.test("where a WebSocket in a page does not say why it fails, the error says what its origin needs, or that it has none", async () => {
  const told = async (origin: string) => {
    Object.assign(globalThis, { origin });
    return (await refusal(undefined, { dial: failingSocket, timeout: 50 })).message;
  };
  try {
    const allow = "the browser does not say why; the server must allow the origin https://a.test";
    assertStringIncludes(await told("https://a.test"), allow);
    // A file, or a frame in a sandbox.
    const none =
      "the browser does not say why; this page has no origin to allow: load it from a web server";
    assertStringIncludes(await told("null"), none);
  } finally {
    delete (globalThis as { origin?: string }).origin;
  }
});

Deno.test("a socket that fails without a reason is reported as such", async () => {
  const error = await refusal(undefined, { dial: failingSocket, timeout: 50 });
  assertEquals([error.code, error.reason], ["unreachable", "unknown"]);
  assert(error.message.includes("the WebSocket does not say why"), error.message);
  const deno = (url: string, protocols: string[]) => new WebSocket(url, protocols);
  const refused = await refusal({ port: 1 }, { dial: deno, timeout: 50 });
  assert(refused.message.includes("tcp connect error"), refused.message);
});
