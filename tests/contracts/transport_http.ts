/**
 * The contract of a transport: requests of plain HTTP, and their bodies.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Transport } from "../../transports/transport.ts";
import { exchangeHttp, headerOf, httpMessage, readResponse } from "../support/http_client.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { OpenPort } from "../support/recording_handler.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** Text of this many bytes, no two parts of which are alike. */
function textOf(bytes: number): string {
  let text = "";
  for (let i = 0; text.length < bytes; i++) text += `${i} `;
  return text.slice(0, bytes);
}

/** A body in chunks. */
function chunked(text: string, size: number): string {
  let body = "";
  for (let at = 0; at < text.length; at += size) {
    const chunk = text.slice(at, at + size);
    body += `${chunk.length.toString(16)}\r\n${chunk}\r\n`;
  }
  return `${body}0\r\n\r\n`;
}

/** Answers with what came. */
async function echo(request: Request): Promise<Response> {
  return new Response(await request.text());
}

/** A request without an end, which is sent as long as the server reads it. Returns how much it took. */
async function sendUntilStalled(client: RawSocket, most: number): Promise<number> {
  const piece = "x".repeat(64 * 1024);
  let sent = 0;
  while (sent < most) {
    const { promise, resolve } = Promise.withResolvers<"stalled">();
    // A write that is slow for another reason makes the figure smaller, and no test fail.
    const timer = setTimeout(() => resolve("stalled"), 300);
    const result = await Promise.race([client.send(piece), promise]);
    clearTimeout(timer);
    if (result === "stalled") break;
    sent += piece.length;
  }
  return sent;
}

/** Each promise, and its test. */
export const http: Readonly<Record<string, (listen: Transport) => Promise<void>>> = {
  async "a body arrives whole and byte by byte, with its length or in chunks"(listen) {
    await using opened = await OpenPort.with(listen);
    opened.handler.http = echo;
    for (const bytes of [1, 64 * 1024, 1024 * 1024]) {
      const text = textOf(bytes);
      const sized = await exchangeHttp(opened.port, httpMessage("POST /", [], text));
      assert(sized.status === 200 && sized.body === text, `${bytes} bytes`);
      const request = httpMessage("PUT /", ["Transfer-Encoding: chunked"]);
      const inChunks = await exchangeHttp(opened.port, request + chunked(text, 10_000));
      assert(inChunks.status === 200 && inChunks.body === text, `${bytes} bytes in chunks`);
    }
    assertEquals(opened.handler.failures, []);
  },

  async "a request without a body has an empty one, whatever its method"(listen) {
    await using opened = await OpenPort.with(listen);
    const seen: [string, string][] = [];
    opened.handler.http = async (request) => {
      seen.push([request.method, await request.text()]);
      return new Response("ok");
    };
    for (const method of ["GET", "POST", "DELETE", "OPTIONS", "TRACE", "PATCH"]) {
      assertEquals((await exchangeHttp(opened.port, httpMessage(`${method} /`))).status, 200);
    }
    await exchangeHttp(opened.port, httpMessage("POST /", ["Content-Length: 0"]));
    assertEquals(seen.map(([method]) => method), [
      "GET",
      "POST",
      "DELETE",
      "OPTIONS",
      "TRACE",
      "PATCH",
      "POST",
    ]);
    assert(seen.every(([, text]) => text === ""), JSON.stringify(seen));
  },

  async "a body that is not read is not taken, and all of it arrives once it is"(listen) {
    await using opened = await OpenPort.with(listen);
    const { handler, port } = opened;
    const [entered, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    handler.http = async (request) => {
      entered.resolve();
      await released.promise;
      let bytes = 0;
      for await (const part of request.body!) bytes += part.length;
      return new Response(`${bytes}`);
    };
    using client = await RawSocket.connect(port);
    const most = 64 * 1024 * 1024;
    await client.send(httpMessage("POST /", [`Content-Length: ${most}`]));
    await withTimeout(entered.promise);
    const sent = await sendUntilStalled(client, most);
    // What the system buffers.
    assert(sent < most / 2, `${sent} bytes were taken`);
    released.resolve();
    const rest = new Uint8Array(1024 * 1024);
    // The piece that stalled is sent by now, or will be.
    for (let left = most - sent - 64 * 1024; left > 0; left -= rest.length) {
      await withTimeout(client.send(rest.subarray(0, Math.min(rest.length, left))));
    }
    assertEquals((await readResponse(client)).body, `${most}`);
  },

  async "a body arrives in as many parts as it is sent in, however small, whether it is read or not"(
    listen,
  ) {
    await using opened = await OpenPort.with(listen);
    // As a program sends it that writes each line of its output.
    const lines = Array.from({ length: 2000 }, (_, i) => `{"body":"${i}"}\n`);
    const chunks = lines.map((line) => `${line.length.toString(16)}\r\n${line}\r\n`);
    const request = `${httpMessage("POST /", ["Transfer-Encoding: chunked"])}${chunks.join("")}`;
    opened.handler.http = echo;
    const { status, body } = await exchangeHttp(opened.port, `${request}0\r\n\r\n`);
    assert(status === 200 && body === lines.join(""), `${status}, ${body.length}`);
    opened.handler.http = () => new Response("not read", { status: 401 });
    assertEquals((await exchangeHttp(opened.port, `${request}0\r\n\r\n`)).body, "not read");
  },

  async "an answer before the body was read arrives, and says that the connection ends"(listen) {
    await using opened = await OpenPort.with(listen);
    opened.handler.http = () => new Response("too large\n", { status: 413 });
    const sized = httpMessage("POST /", ["Content-Length: 8000000"]) + textOf(8_000_000);
    const inChunks = `${httpMessage("POST /", ["Transfer-Encoding: chunked"])}3\r\nabc\r\n`;
    for (const request of [sized, inChunks]) {
      const { status, body, head } = await exchangeHttp(opened.port, request);
      assertEquals([status, body, headerOf(head, "connection")], [413, "too large\n", "close"]);
    }
  },

  async "an answer to half a body arrives"(listen) {
    await using opened = await OpenPort.with(listen);
    opened.handler.http = async (request) => {
      const reader = request.body!.getReader();
      await reader.read();
      await reader.cancel();
      return new Response("enough\n", { status: 413 });
    };
    const request = httpMessage("POST /", ["Content-Length: 4000000"]);
    const { status, body } = await exchangeHttp(opened.port, request + textOf(4_000_000));
    assertEquals([status, body], [413, "enough\n"]);
  },

  async "a client that breaks off makes the body fail"(listen) {
    await using opened = await OpenPort.with(listen);
    for (const headers of [["Content-Length: 10"], ["Transfer-Encoding: chunked"]]) {
      const failed = Promise.withResolvers<void>();
      opened.handler.http = async (request) => {
        await request.text().catch(() => failed.resolve());
        return new Response("nobody reads this");
      };
      using client = await RawSocket.connect(opened.port);
      await client.send(`${httpMessage("POST /", headers)}4\r\n`);
      client.cut();
      await withTimeout(failed.promise);
    }
  },

  async "that a client has left is noticed when the rest of its body is read, however much waits"(
    listen,
  ) {
    await using opened = await OpenPort.with(listen);
    const [entered, left] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const failed = Promise.withResolvers<void>();
    opened.handler.http = async (request) => {
      entered.resolve();
      await left.promise;
      await request.bytes().catch(() => failed.resolve());
      return new Response("nobody reads this");
    };
    using client = await RawSocket.connect(opened.port);
    await client.send(httpMessage("POST /", ["Content-Length: 1000000"]) + textOf(400_000));
    await withTimeout(entered.promise);
    client.cut();
    left.resolve();
    await withTimeout(failed.promise);
  },

  async "a body that its client sends only when it is asked for is asked for, and other expectations are ignored"(
    listen,
  ) {
    await using opened = await OpenPort.with(listen);
    const request = httpMessage("POST /", ["Expect: 100-continue", "Content-Length: 5"]);
    opened.handler.http = echo;
    using client = await RawSocket.connect(opened.port);
    await client.send(request);
    assertEquals((await withTimeout(client.head())).split("\r\n")[0], "HTTP/1.1 100 Continue");
    await client.send("hello");
    assertEquals((await readResponse(client)).body, "hello");
    opened.handler.http = () => new Response("no", { status: 401 });
    // Other expectations are ignored.
    const other = request.replace("100-continue", "gold");
    assertEquals((await exchangeHttp(opened.port, `${other}hello`)).status, 401);
  },

  async "the address arrives with its query, also that of a whole URL"(listen) {
    await using opened = await OpenPort.with(listen);
    opened.handler.http = ({ url }) => new Response(url);
    for (
      const [target, url] of [
        [
          "/topics/a%20b?after=start&x=%C3%A9",
          "http://localhost/topics/a%20b?after=start&x=%C3%A9",
        ],
        ["http://localhost/topics/a?after=start", "http://localhost/topics/a?after=start"],
      ]
    ) {
      assertEquals((await exchangeHttp(opened.port, httpMessage(`GET ${target}`))).body, url);
    }
  },

  async "an upgrade to something else is ignored"(listen) {
    await using opened = await OpenPort.with(listen);
    opened.handler.http = echo;
    const upgrade = [
      "Connection: Upgrade, HTTP2-Settings",
      "Upgrade: h2c",
      "HTTP2-Settings: AAMAAABk",
    ];
    assertEquals((await exchangeHttp(opened.port, httpMessage("GET /", upgrade))).status, 200);
    opened.handler.http = () => new Response(new ReadableStream());
    using client = await RawSocket.connect(opened.port);
    await client.send(httpMessage("GET /", upgrade));
    assert((await withTimeout(client.head())).startsWith("HTTP/1.1 200 "));
  },

  async "headers of messages, of proxies and of pages arrive"(listen) {
    await using opened = await OpenPort.with(listen);
    const own = Array.from({ length: 64 }, (_, i) => `Dsmq-Header-N${i}: v${i}%20`);
    const others = [
      "Accept: text/event-stream",
      "Content-Type: text/plain",
      "Idempotency-Key: one",
      "Last-Event-ID: 1:2",
      "Sec-Fetch-Site: cross-site",
      "Access-Control-Request-Method: POST",
      "Access-Control-Request-Headers: dsmq-header-a",
      "traceparent: 00-1-2-01",
      "X-Forwarded-For: 192.0.2.1",
      "X-Forwarded-Proto: https",
      "X-Real-IP: 192.0.2.1",
      "Forwarded: for=192.0.2.1",
      "Via: 1.1 proxy",
    ];
    opened.handler.http = ({ headers }) => {
      const lines = [...own, ...others].map((line) => line.split(": ") as [string, string]);
      return new Response(lines.filter(([name, value]) => headers.get(name) !== value).join());
    };
    const { body } = await exchangeHttp(opened.port, httpMessage("GET /", [...own, ...others]));
    assertEquals(body, "");
  },

  async "requests on one connection are answered in order, each with its body"(listen) {
    await using opened = await OpenPort.with(listen);
    opened.handler.http = async (request) => {
      const text = await request.text();
      // The first takes longest.
      if (text === "0") await new Promise((resolve) => setTimeout(resolve, 20));
      return new Response(`got ${text}`);
    };
    using client = await RawSocket.connect(opened.port);
    for (const count of [4, 10, 100]) {
      let requests = "";
      for (let i = 0; i < count; i++) {
        requests += i % 3 === 2
          ? httpMessage("POST /", ["Transfer-Encoding: chunked"]) + chunked(`${i}`, 1)
          : httpMessage("POST /", [], `${i}`);
      }
      await client.send(requests);
      for (let i = 0; i < count; i++) assertEquals((await readResponse(client)).body, `got ${i}`);
    }
    // And the connection goes on.
    for (const size of [1, 100_000, 0, 5]) {
      await client.send(httpMessage("POST /", [], textOf(size)));
      const { body, head } = await readResponse(client);
      assert(body === `got ${textOf(size)}`, head);
      assertEquals(headerOf(head, "connection") ?? "keep-alive", "keep-alive");
    }
  },
};
