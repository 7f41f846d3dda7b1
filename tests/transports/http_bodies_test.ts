/**
 * Bodies of HTTP requests over the hardened transport, where `Deno.serve` has no such promise.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Budget } from "../../budgets/budget.ts";
import { listen as hardened } from "../../transports/node.ts";
import {
  exchangeHttp,
  headerOf,
  httpMessage,
  readChunk,
  readResponse,
  readRest,
} from "../support/http_client.ts";
import { until } from "../support/bridge.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { OpenPort } from "../support/recording_handler.ts";
import { withTimeout } from "../support/with_timeout.ts";

const CHUNKED = ["Transfer-Encoding: chunked"];

Deno.test("hardened: a request without a body has none, and a GET with one has none either", async () => {
  await using opened = await OpenPort.with(hardened);
  opened.handler.http = ({ body }) => new Response(`${body === null}`);
  for (
    const request of [
      httpMessage("POST /"),
      httpMessage("POST /", ["Content-Length: 0"]),
      httpMessage("GET /", [], "hello"),
      httpMessage("TRACE /"),
    ]
  ) assertEquals((await exchangeHttp(opened.port, request)).body, "true", request);
  using client = await RawSocket.connect(opened.port);
  await client.send(httpMessage("HEAD /", [], "hello"));
  assertEquals((await withTimeout(client.head())).split("\r\n")[0], "HTTP/1.1 200 OK");
});

Deno.test("hardened: after an early answer the connection ends, though the body does not", async () => {
  await using opened = await OpenPort.with(hardened);
  opened.handler.http = () => new Response("too large\n", { status: 413 });
  using client = await RawSocket.connect(opened.port);
  await client.send(`${httpMessage("POST /", CHUNKED)}3\r\nabc\r\n`);
  assertEquals((await readResponse(client)).status, 413);
  assertEquals(await readRest(client), "");
});

Deno.test("hardened: a client is not asked for a body that is not read", async () => {
  await using opened = await OpenPort.with(hardened);
  opened.handler.http = () => new Response("no", { status: 401 });
  const request = httpMessage("POST /", ["Expect: 100-continue", "Content-Length: 5"]);
  const { status, head } = await exchangeHttp(opened.port, request);
  assertEquals([status, headerOf(head, "connection")], [401, "close"]);
});

Deno.test("hardened: a client is not asked for its body any more once its response has begun", async () => {
  await using opened = await OpenPort.with(hardened);
  const released = Promise.withResolvers<void>();
  opened.handler.http = (request) =>
    new Response(
      new ReadableStream({
        async pull(body) {
          await released.promise;
          body.enqueue(await request.bytes());
          body.close();
        },
      }),
    );
  using client = await RawSocket.connect(opened.port);
  await client.send(httpMessage("POST /", ["Expect: 100-continue", "Content-Length: 5"]));
  assertEquals((await withTimeout(client.head())).split("\r\n")[0], "HTTP/1.1 200 OK");
  released.resolve();
  await client.send("hello");
  assertEquals(await readChunk(client), "hello");
});

Deno.test("hardened: nothing of a client stays that left while its body was not read, once it is answered", async () => {
  const partial = new Budget({ own: 8192, shared: 2 ** 20 });
  await using opened = await OpenPort.with(hardened, { partial });
  const [entered, left] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  opened.handler.http = async () => {
    entered.resolve();
    await left.promise;
    return new Response("late", { status: 408 });
  };
  using client = await RawSocket.connect(opened.port);
  await client.send(httpMessage("POST /", ["Content-Length: 1000000"]) + "x".repeat(400_000));
  await withTimeout(entered.promise);
  assertEquals(partial.holders, 1);
  client.cut();
  left.resolve();
  await until(() => partial.holders === 0);
});

Deno.test("hardened: a body with an upgrade that is ignored arrives", async () => {
  await using opened = await OpenPort.with(hardened);
  opened.handler.http = async (request) => new Response(await request.text());
  const upgrade = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"];
  const whole = httpMessage("POST /", upgrade, "hello");
  assertEquals((await exchangeHttp(opened.port, whole)).body, "hello");
  const chunked = `${httpMessage("PUT /", [...upgrade, ...CHUNKED])}3\r\nabc\r\n0\r\n\r\n`;
  assertEquals((await exchangeHttp(opened.port, chunked)).body, "abc");
});

Deno.test("hardened: a body that is not HTTP fails, and its request is answered once", async () => {
  await using opened = await OpenPort.with(hardened);
  const failed = Promise.withResolvers<void>();
  opened.handler.http = async (request) => {
    await request.text().catch(() => failed.resolve());
    return new Response("what came before that");
  };
  using client = await RawSocket.connect(opened.port);
  await client.send(`${httpMessage("POST /", CHUNKED)}3\r\nabc\r\nzz\r\n`);
  await withTimeout(failed.promise);
  const { status, body, head } = await readResponse(client);
  assertEquals([status, headerOf(head, "content-type")], [400, "application/problem+json"]);
  assertEquals(JSON.parse(body).code, "bad_request");
  assertEquals(await readRest(client), "");
  assertEquals(opened.handler.refusals.length, 1);
});

Deno.test("hardened: the signal of a request whose body is not HTTP aborts as soon as that is refused", async () => {
  await using opened = await OpenPort.with(hardened);
  const { handler, port } = opened;
  const aborted = Promise.withResolvers<boolean>();
  handler.http = async ({ signal }) => {
    await handler.until(() => handler.refusals.length > 0);
    aborted.resolve(signal.aborted);
    return new Response("late");
  };
  const { status } = await exchangeHttp(port, `${httpMessage("POST /", CHUNKED)}zz\r\n`);
  assertEquals([status, await withTimeout(aborted.promise)], [400, true]);
});

Deno.test("hardened: a body that is too slow is answered with 408, unless its request was answered", async () => {
  // The time of a body of 8 bytes: a millisecond more than that of the headers.
  await using opened = await OpenPort.with(hardened, { headerTimeout: 300, frameBytes: 8 });
  opened.handler.http = async (request) => new Response(await request.text().catch(() => "failed"));
  const request = `${httpMessage("POST /", ["Content-Length: 5"])}he`;
  const { status, body } = await exchangeHttp(opened.port, request);
  assertEquals([status, JSON.parse(body).title], [408, "Request Timeout"]);
  opened.handler.http = () =>
    new Response(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array([120])) }));
  const { status: answered, isWhole } = await exchangeHttp(opened.port, request);
  assertEquals([answered, isWhole], [200, false]);
});

Deno.test("hardened: a response that takes longer than a request may is not cut", async () => {
  await using opened = await OpenPort.with(hardened, { headerTimeout: 100, frameBytes: 8 });
  const released = Promise.withResolvers<void>();
  opened.handler.http = async () => {
    await released.promise;
    return new Response("late");
  };
  using client = await RawSocket.connect(opened.port);
  await client.send(httpMessage("GET /"));
  // By then half a request that began later was cut.
  assertEquals((await exchangeHttp(opened.port, "GET / HTTP/1.1\r\nHo")).status, 408);
  assertEquals((await exchangeHttp(opened.port, "GET / HTTP/1.1\r\nHo")).status, 408);
  released.resolve();
  assertEquals((await readResponse(client)).body, "late");
});

Deno.test("hardened: of requests on one connection the next begins when the answer before it is written", async () => {
  await using opened = await OpenPort.with(hardened);
  const began: string[] = [];
  const released = Promise.withResolvers<void>();
  opened.handler.http = async ({ url }) => {
    began.push(new URL(url).pathname);
    if (began.length === 1) await released.promise;
    return new Response("ok");
  };
  using client = await RawSocket.connect(opened.port);
  await client.send(httpMessage("GET /1") + httpMessage("GET /2") + httpMessage("GET /3"));
  // Another connection does not wait for it; its answer comes after all of that was read.
  await withTimeout((async () => {
    while (began.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  })());
  assertEquals((await exchangeHttp(opened.port, httpMessage("GET /other"))).status, 200);
  assertEquals(began, ["/1", "/other"]);
  released.resolve();
  for (let i = 0; i < 3; i++) assertEquals((await readResponse(client)).status, 200);
  assertEquals(began, ["/1", "/other", "/2", "/3"]);
});

Deno.test("hardened: a whole URL without a path has its query", async () => {
  await using opened = await OpenPort.with(hardened);
  opened.handler.http = ({ url }) => new Response(url);
  const { body } = await exchangeHttp(opened.port, httpMessage("GET http://localhost?a=1"));
  assertEquals(body, "http://localhost/?a=1");
});

Deno.test("hardened: what the transport answers by itself is a problem", async () => {
  await using opened = await OpenPort.with(hardened, { headerTimeout: 300 });
  opened.handler.http = () => {
    throw new Error("boom");
  };
  const cases: [string, number, string][] = [
    ["hello\r\n\r\n", 400, "bad_request"],
    [httpMessage("GET /", [`Cookie: ${"x".repeat(90_000)}`]), 431, "bad_request"],
    [httpMessage(`GET /${"x".repeat(17_000)}`), 414, "bad_request"],
    [httpMessage("GET /").replace("localhost", "a b"), 400, "bad_request"],
    [httpMessage("CONNECT localhost:80"), 405, "bad_request"],
    ["GET / HTTP/1.1\r\nHo", 408, "bad_request"],
    [httpMessage("GET /"), 500, "unavailable"],
  ];
  for (const [request, expected, code] of cases) {
    const { status, head, body } = await exchangeHttp(opened.port, request);
    assertEquals([status, headerOf(head, "content-type")], [expected, "application/problem+json"]);
    assertEquals(headerOf(head, "cache-control"), "no-store");
    const problem = JSON.parse(body);
    assertEquals([problem.status, problem.code, problem.type], [expected, code, "about:blank"]);
    assert(problem.title.length > 0 && problem.detail.length > 0, body);
  }
  // All but the 405 and the 500, which is told as a failure.
  assertEquals([opened.handler.refusals.length, opened.handler.failures.length], [5, 1]);
});
