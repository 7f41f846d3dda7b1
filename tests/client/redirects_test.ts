/**
 * Where a client connects: the addresses that it is given, and the redirects from there.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { connect, DsmqError } from "@dsmq/server";
import { HandshakeServer, refusal, response } from "../support/handshake_server.ts";
import { openServer } from "../support/open_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

// Redirects.

Deno.test("a redirect within one host is followed, and the token with it", async () => {
  await using server = await openServer({ auth: "good" });
  await using redirecting = new HandshakeServer(() =>
    `HTTP/1.1 308 Gone\r\nLocation: http://127.0.0.1:${server.port}/\r\n\r\n`
  );
  const refused = await refusal(redirecting.url, { token: "good" });
  assertEquals(refused.reason, "redirect");
  assertMatch(
    refused.message,
    /308 Gone, which leads to ws:\/\/127.*: another port, to which no token/,
  );
  assert(!Deno.inspect(refused).includes("good"));
  const failed = await refusal(redirecting.url);
  assertEquals(failed.code, "unauthorized");
  await using lost = new HandshakeServer(() =>
    "HTTP/1.1 302 F\r\nLocation: ws://127.0.0.1:1/x\r\n\r\n"
  );
  const { message } = await refusal(lost.url, { timeout: 500 });
  assertMatch(
    message,
    /: it redirects to ws:\/\/127\.0\.0\.1:1\/x, and there nothing listens there/,
  );
  let first = true;
  await using path = new HandshakeServer(() => {
    if (!first) return response("404 Not Found");
    first = false;
    return "HTTP/1.1 302 Found\r\nLocation: ../queue?a=b\r\n\r\n";
  });
  await refusal(path.url, { token: "good" });
  assertMatch(
    path.requests[1]!,
    /^GET \/queue\?a=b HTTP\/1\.1\r\n[^]*Authorization: Bearer good\r\n/,
  );
});

Deno.test("a redirect to a WebSocket address is followed, without a token also to another port", async () => {
  await using server = await openServer();
  for (const location of [`ws://127.0.0.1:${server.port}`, `//127.0.0.1:${server.port}/x`]) {
    await using redirecting = new HandshakeServer(() =>
      `HTTP/1.1 307 Elsewhere\r\nLocation: ${location}\r\n\r\n`
    );
    await using mq = await connect(redirecting.url);
    assertEquals([await mq.put("t", "m") > 0, mq.url], [true, redirecting.url]);
  }
});

Deno.test("a redirect to another host, from TLS to none, to no WebSocket, or in a circle is named and not followed", async () => {
  for (
    const [location, reason] of [
      ["https://other.example/mq", /leads to wss:\/\/other\.example:443\/mq: another host/],
      ["http://u:p@other.example/mq", /leads to ws:\/\/other\.example:80\/mq: another host/],
      ["ftp://127.0.0.1/", /: that is not the address of a WebSocket/],
      ["http://[bad", /leads to "http:\/\/\[bad": that is not the address of a WebSocket/],
      ["/mq", /: it has redirected 5 times already$/],
    ] as const
  ) {
    await using server = new HandshakeServer(() =>
      `HTTP/1.1 301 Moved\r\nLocation: ${location}\r\n\r\n`
    );
    const error = await refusal(server.url);
    assertEquals([error.code, error.reason, error.status], ["unreachable", "redirect", 301]);
    assertMatch(error.message, reason);
    assert(server.requests.length <= 6);
  }
});

// Addresses.

Deno.test("a host is parsed with brackets and without, and anything else in it gives a clear error", async () => {
  const dials: string[] = [];
  const dial = (url: string): never => {
    dials.push(url);
    throw new Error("dialled");
  };
  for (const host of ["::1", "[::1]", "localhost", "127.0.0.1", "bücher.example"]) {
    await assertRejects(() => connect({ host, port: 5 }, { dial }), Error, "dialled");
  }
  assertEquals(dials.slice(0, 4), [
    "ws://[::1]:5",
    "ws://[::1]:5",
    "ws://localhost:5",
    "ws://127.0.0.1:5",
  ]);
  for (
    const [host, reason] of [
      ["::1%lo", "an IPv6 zone (%) is not allowed in the address"],
      ["[fe80::1%25eth0]", "an IPv6 zone (%) is not allowed in the address"],
      ["127.0.0.1:30329", "the port is a separate option"],
      ["localhost:5", "the port is a separate option"],
      ["[::1]:5", "the port is a separate option"],
      ["localhost/x", "host must be only an address or a name"],
      ["ws://localhost", "host must be only an address or a name"],
      ["me@localhost", "host must be only an address or a name"],
      ["local host", "host must be only an address or a name"],
      ["localhost?x", "host must be only an address or a name"],
      ["localhost#x", "host must be only an address or a name"],
      ["[localhost]", "host must be only an address or a name"],
      ["", "host must be only an address or a name"],
    ] as const
  ) {
    await assertRejects(() => connect({ host }, { dial }), RangeError, reason);
  }
  await assertRejects(
    () => connect("ws://me:50%zz@localhost"),
    RangeError,
    "in whose user name and password % encodes bytes of UTF-8",
  );
});

Deno.test("of several addresses those that fail for good are left out, and the others are retried", async () => {
  await using redirects = new HandshakeServer(() => response("404 Not Found"));
  await using server = await openServer();
  {
    await using mq = await connect([redirects.url, server.url]);
    assertEquals(mq.url, server.url);
  }
  await using busy = new HandshakeServer(() => response("503 Busy"));
  const before = redirects.requests.length;
  const error = await refusal([redirects.url, busy.url], { timeout: 2000 });
  assertEquals(redirects.requests.length, before + 1);
  assert(error.message.includes(`${redirects.url}: the answer is 404`), error.message);
  assert(error.message.includes(`${busy.url}: the answer is 503`), error.message);
  assert(error.cause instanceof AggregateError && error.cause.errors.length === 2);
});

Deno.test("a silent address leaves the next ones their share of the time", async () => {
  await using server = await openServer();
  for (const scheme of ["ws:", "wss:"]) {
    await using silent = new HandshakeServer(() => undefined);
    const dead = silent.url.replace("ws:", scheme);
    await using mq = await connect([dead, server.url], { timeout: 4000 });
    assertEquals(mq.url, server.url);
  }
});

Deno.test("a reconnecting client goes on if one of several addresses refuses its token, until all do", async () => {
  await using attacker = new HandshakeServer(() => response("401 Unauthorized"));
  const server = await openServer();
  const { port } = server;
  const failed = Promise.withResolvers<void>();
  await using mq = await connect([server.url, attacker.url], {
    reconnect: { minDelay: 1, maxDelay: 20 },
    onRetry: ({ code }) => code === "unauthorized" && failed.resolve(),
  });
  await server.shutdown();
  await withTimeout(failed.promise);
  {
    await using _again = await openServer({ port });
    assertEquals(await withTimeout(mq.put("t", "m")), 1);
  }
  await using _other = await openServer({ port, auth: "good" });
  const error = await assertRejects(() => withTimeout(mq.get("t")), DsmqError);
  assertEquals(error.code, "unauthorized");
});
