/**
 * The hardened transport with peers that send HTTP slowly or too much of it, or do not read the responses.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Socket } from "node:net";
import { listen as hardened } from "../../transports/node.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { OpenPort } from "../support/recording_handler.ts";
import { openServer } from "../support/open_server.ts";
import { HOST, httpRequest } from "../support/raw_http.ts";
import { standstill } from "../support/standstill.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** Answers all requests, and counts them. */
function counting({ handler }: OpenPort): () => number {
  let count = 0;
  handler.http = () => {
    count++;
    return new Response("hello\n");
  };
  return () => count;
}

Deno.test("hardened: bad requests are counted, and logged in few lines", async () => {
  const logged: unknown[] = [];
  const log = { info() {}, warn: (line: unknown) => void logged.push(line), error: console.error };
  await using server = await openServer({ transport: "hardened", log });
  for (let i = 0; i < 30; i++) await httpRequest(server.port, "hello");
  assertEquals(server.stats().refused, 30);
  assertEquals(logged.length, 1);
  const told = "a request from 127.0.0.1: Cannot read a request: it is not HTTP/1.1";
  assertStringIncludes(String(logged[0]), told);
  const { body } = await httpRequest(
    server.port,
    new Uint8Array([22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]),
  );
  assertStringIncludes(body, "TLS");
});

Deno.test("hardened: half a request is answered with 408 in time, and a peer that has sent nothing is not logged", async () => {
  await using opened = await OpenPort.with(hardened, { headerTimeout: 400 });
  const { handler, port } = opened;
  using silent = await RawSocket.connect(port);
  const half = httpRequest(
    port,
    "GET / HTTP/1.1\r\nHost: localhost\r\nX: ".trimEnd().concat("y").replace(/\r\n$/, ""),
  );
  void half.catch(() => {});
  using slow = await RawSocket.connect(port);
  await slow.send("GET / HTTP/1.1\r\nHost: ");
  const head = await withTimeout(slow.head());
  assert(head.startsWith("HTTP/1.1 408 "), head);
  assertEquals(await withTimeout(silent.head()), "");
  assertEquals(handler.refusals, ["Cannot read a request: it took too long"]);
});

Deno.test("hardened: a peer that disconnects at any point is not logged", async () => {
  await using opened = await OpenPort.with(hardened);
  for (
    const request of [
      "",
      "GET",
      "GET / HTTP/1.1\r\nHost: ",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n",
    ]
  ) {
    using client = await RawSocket.connect(opened.port);
    await client.send(request);
  }
  using _client = await RawSocket.open(opened.port);
  assertEquals([opened.handler.failures, opened.handler.refusals], [[], []]);
});

Deno.test("hardened: a peer that is refused while it is sending can read why", async () => {
  await using opened = await OpenPort.with(hardened);
  using client = await RawSocket.connect(opened.port);
  await client.send("GET / HTTP/1.1\r\nHost: localhost\r\nCookie: a=");
  await client.send("x".repeat(100_000));
  await withTimeout(opened.handler.until(() => opened.handler.refusals.length > 0));
  for (let i = 0; i < 4; i++) await client.send("x".repeat(100_000));
  const head = await withTimeout(client.head());
  assert(head.startsWith("HTTP/1.1 431 "), head);
  assertEquals(opened.handler.refusals.length, 1);
});

Deno.test("hardened: of hundreds of silent peers, few are ended in one turn", async () => {
  await using opened = await OpenPort.with(hardened, { headerTimeout: 1000 });
  const { destroy } = Socket.prototype;
  let [ended, before, max] = [0, 0, 0];
  Socket.prototype.destroy = function (...args: Parameters<typeof destroy>) {
    ended++;
    return destroy.apply(this, args);
  };
  const others = setInterval(() => {
    max = Math.max(max, ended - before);
    before = ended;
  }, 0);
  try {
    const connect = () => RawSocket.connect(opened.port);
    const clients = await Promise.all(Array.from({ length: 600 }, connect));
    for (const client of clients) while (await withTimeout(client.discard(1024)) > 0);
    for (const client of clients) client.cut();
  } finally {
    clearInterval(others);
    Socket.prototype.destroy = destroy;
  }
  assert(ended >= 600, `${ended}`);
  // Other timers may be a little late on a busy machine.
  assert(max <= 150, `${max} at once`);
});

Deno.test("hardened: a header of a request is copied only if it is read", async () => {
  await using opened = await OpenPort.with(hardened);
  const seen: string[][] = [];
  opened.handler.http = ({ headers }) => {
    seen.push([...headers.keys()]);
    return new Response("hello\n");
  };
  const more = Array.from({ length: 120 }, (_, i) => `${1e9 + i}: value`);
  await httpRequest(
    opened.port,
    ["GET / HTTP/1.1", ...more, HOST, "ORIGIN: a", "oriGin: b"].join("\r\n"),
  );
  assertEquals(seen, [["host", "origin"]]);
});

Deno.test("hardened: requests in one packet with garbage after them are answered first", async () => {
  await using opened = await OpenPort.with(hardened);
  using client = await RawSocket.connect(opened.port);
  const good = `GET / HTTP/1.1\r\n${HOST}\r\n\r\n`;
  await client.send(`${good}${good}garbage\r\n\r\n`);
  for (const expected of [200, 200, 400]) {
    const head = await withTimeout(client.head());
    assert(head.startsWith(`HTTP/1.1 ${expected} `), head);
    await withTimeout(client.text(Number(/^content-length: (\d+)\r$/im.exec(head)![1])));
  }
  assertEquals(await withTimeout(client.discard(1)), 0);
});

Deno.test("hardened: a peer that sends requests and reads no response is not read any more, and gets the rest when it reads", async () => {
  await using opened = await OpenPort.with(hardened);
  const count = counting(opened);
  using client = await RawSocket.connect(opened.port);
  const [each, times] = [1000, 1000];
  const many = `GET / HTTP/1.1\r\n${HOST}\r\n\r\n`.repeat(each);
  let sent = 0;
  const sending = (async () => {
    for (; sent < times; sent++) await client.send(many);
  })().catch(() => {});
  await standstill(() => sent);
  assert(sent < times, "all of it was read");
  assert(count() < 100_000, `${count()} requests were accepted`);
  const stalled = count();
  while (count() < stalled + 1000) assert(await withTimeout(client.discard(64 * 1024)) > 0);
  assertEquals((await httpRequest(opened.port, `GET / HTTP/1.1\r\n${HOST}`)).status, 200);
  assertEquals(opened.handler.refusals, []);
  client.cut();
  await sending;
});

Deno.test("hardened: thousands of requests in a packet are answered, a few at a time", async () => {
  await using opened = await OpenPort.with(hardened);
  const began = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  let count = 0;
  opened.handler.http = async () => {
    if (count++ === 0) began.resolve();
    await released.promise;
    return new Response("hello\n");
  };
  using client = await RawSocket.connect(opened.port);
  await client.send(`GET / HTTP/1.1\r\n${HOST}\r\n\r\n`.repeat(1500));
  await withTimeout(began.promise);
  assertEquals(count, 1);
  released.resolve();
  for (let i = 0; i < 1500; i++) {
    assert((await withTimeout(client.head())).startsWith("HTTP/1.1 200 "), `${i}`);
    await client.text(6);
  }
  assertEquals([count, opened.handler.failures, opened.handler.refusals], [1500, [], []]);
});

Deno.test("hardened: a body that is larger than what may wait is discarded, and the end of its connection is noticed", async () => {
  await using opened = await OpenPort.with(hardened);
  using client = await RawSocket.connect(opened.port);
  await client.send(`POST / HTTP/1.1\r\n${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n`);
  const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
  await withTimeout((async () => {
    for (let i = 0; i < 200; i++) await client.send(chunk);
  })());
  await client.conn.closeWrite();
  await withTimeout((async () => {
    while (await client.discard(4096) > 0) continue;
  })());
});
