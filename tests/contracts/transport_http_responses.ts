/**
 * The contract of a transport: responses of plain HTTP.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Transport } from "../../transports/transport.ts";
import {
  exchangeHttp,
  headerOf,
  httpMessage,
  readChunk,
  readResponse,
  readRest,
} from "../support/http_client.ts";
import { HOST } from "../support/raw_http.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { OpenPort } from "../support/recording_handler.ts";
import { standstill } from "../support/standstill.ts";
import { withTimeout } from "../support/with_timeout.ts";

const encoder = new TextEncoder();

/** A stream that a test fills, and that says when it is cancelled. */
class TestStream {
  readonly cancelled = Promise.withResolvers<void>();
  controller!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  readonly stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => {
      this.controller = controller;
    },
    cancel: () => this.cancelled.resolve(),
  });

  send(text: string): void {
    this.controller.enqueue(encoder.encode(text));
  }
}

/** Opens a port that answers with a stream. */
async function streaming(listen: Transport, init?: ResponseInit) {
  const opened = await OpenPort.with(listen);
  const body = new TestStream();
  opened.handler.http = () => new Response(body.stream, init);
  return { opened, body };
}

/** Each promise, and its test. */
export const httpResponses: Readonly<Record<string, (listen: Transport) => Promise<void>>> = {
  async "the head of a stream arrives before its first chunk, and each chunk at once"(listen) {
    const { opened, body } = await streaming(listen, {
      headers: { "content-type": "text/event-stream" },
    });
    await using _port = opened;
    using client = await RawSocket.connect(opened.port);
    await client.send(httpMessage("GET /"));
    const head = await withTimeout(client.head());
    assertEquals(headerOf(head, "content-type"), "text/event-stream");
    assertEquals(headerOf(head, "content-length"), undefined);
    for (const text of ["one", "two", "x".repeat(100_000)]) {
      body.send(text);
      let received = "";
      while (received.length < text.length) received += await readChunk(client);
      assertEquals(received, text);
    }
    body.controller.close();
    assertEquals(await readChunk(client), "");
    // The connection goes on.
    opened.handler.http = () => new Response("next");
    await client.send(httpMessage("GET /"));
    assertEquals((await readResponse(client)).body, "next");
  },

  async "a stream is cancelled when its client leaves, also while there is nothing to send"(
    listen,
  ) {
    const { opened, body } = await streaming(listen);
    await using _port = opened;
    using client = await RawSocket.connect(opened.port);
    await client.send(httpMessage("GET /"));
    await withTimeout(client.head());
    client.cut();
    await withTimeout(body.cancelled.promise);
  },

  async "a stream is cancelled when its client leaves while it does not read"(listen) {
    await using opened = await OpenPort.with(listen);
    const cancelled = Promise.withResolvers<void>();
    opened.handler.http = () =>
      new Response(
        new ReadableStream({
          pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024)),
          cancel: () => cancelled.resolve(),
        }),
      );
    using client = await RawSocket.connect(opened.port);
    await client.send(httpMessage("GET /"));
    await withTimeout(client.head());
    client.cut();
    await withTimeout(cancelled.promise);
  },

  async "the signal of a request aborts when its client leaves before the answer"(listen) {
    await using opened = await OpenPort.with(listen);
    const { handler, port } = opened;
    for (const request of [httpMessage("GET /"), httpMessage("POST /", [], "hello")]) {
      const [entered, aborted] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      handler.http = async (request) => {
        await request.text();
        entered.resolve();
        await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
        aborted.resolve();
        return new Response("nobody reads this");
      };
      using client = await RawSocket.connect(port);
      await client.send(request);
      await withTimeout(entered.promise);
      client.cut();
      await withTimeout(aborted.promise);
    }
  },

  async "the signal of a request whose answer was sent does not abort before"(listen) {
    await using opened = await OpenPort.with(listen);
    const signals: AbortSignal[] = [];
    opened.handler.http = ({ signal }) => {
      signals.push(signal);
      return new Response(`${signal.aborted}`);
    };
    using client = await RawSocket.connect(opened.port);
    for (let i = 0; i < 3; i++) {
      await client.send(httpMessage("GET /"));
      assertEquals((await readResponse(client)).body, "false");
    }
    assertEquals(signals.length, 3);
  },

  async "a client that does not read is not sent more than the buffers hold, and gets the rest when it reads"(
    listen,
  ) {
    await using opened = await OpenPort.with(listen);
    const CHUNK = 64 * 1024;
    const MOST = 1024;
    let pulled = 0;
    opened.handler.http = () =>
      new Response(
        new ReadableStream({
          pull: (controller) => {
            if (pulled++ < MOST) controller.enqueue(new Uint8Array(CHUNK));
            else controller.close();
          },
        }),
      );
    using client = await RawSocket.connect(opened.port);
    await client.send(httpMessage("GET /"));
    await withTimeout(client.head());
    await standstill(() => pulled);
    assert(pulled < MOST / 2, `${pulled} chunks of ${MOST}`);
    let bytes = 0;
    while (bytes < MOST * CHUNK) bytes += await withTimeout(client.discard(1024 * 1024));
    assertEquals(pulled, MOST + 1);
  },

  async "a stream that fails does not look complete, and hurts no other"(listen) {
    const { opened, body } = await streaming(listen);
    await using _port = opened;
    using client = await RawSocket.connect(opened.port);
    await client.send(httpMessage("GET /"));
    await withTimeout(client.head());
    body.send("half");
    assertEquals(await readChunk(client), "half");
    body.controller.error(new Error("boom"));
    assertEquals(await readChunk(client), undefined);
    opened.handler.http = () => new Response("next");
    assertEquals((await exchangeHttp(opened.port, httpMessage("GET /"))).body, "next");
  },

  async "a body of any bytes and size arrives as it is"(listen) {
    await using opened = await OpenPort.with(listen);
    for (const size of [1, 256, 4096, 4097, 64 * 1024, 64 * 1024 + 1, 300_000]) {
      const bytes = new Uint8Array(size).map((_, i) => 255 - i % 256);
      opened.handler.http = () => new Response(bytes);
      const response = await withTimeout(fetch(`http://127.0.0.1:${opened.port}/`));
      assertEquals(await withTimeout(response.bytes()), bytes, `${size} bytes`);
    }
  },

  async "a HEAD gets the headers of its GET, a stream is not read for it, and no length is said that nobody knows"(
    listen,
  ) {
    const { opened, body } = await streaming(listen, { headers: { "x-a": "b" } });
    await using _port = opened;
    using client = await RawSocket.connect(opened.port);
    await client.send(httpMessage("HEAD /"));
    const stream = await withTimeout(client.head());
    assertEquals([headerOf(stream, "x-a"), headerOf(stream, "content-length")], ["b", undefined]);
    await withTimeout(body.cancelled.promise);
    for (const init of [{}, { headers: { "content-length": "7" } }]) {
      opened.handler.http = () => new Response(null, init);
      await client.send(httpMessage("HEAD /"));
      const length = headerOf(await withTimeout(client.head()), "content-length");
      assertEquals(length, init.headers?.["content-length"]);
    }
    opened.handler.http = () => new Response("hello");
    await client.send(httpMessage("HEAD /"));
    assertEquals(headerOf(await withTimeout(client.head()), "content-length"), "5");
    await client.send(httpMessage("GET /"));
    const { body: text, head } = await readResponse(client);
    assertEquals([text, headerOf(head, "content-length")], ["hello", "5"]);
    assert(headerOf(head, "date"));
  },

  async "a response that must have no body has none, and no length"(listen) {
    await using opened = await OpenPort.with(listen);
    using client = await RawSocket.connect(opened.port);
    for (const status of [204, 304]) {
      opened.handler.http = () => new Response(null, { status, headers: { "x-a": "b" } });
      await client.send(httpMessage("GET /"));
      const head = await withTimeout(client.head());
      assertEquals(Number(head.split(" ")[1]), status);
      assertEquals(headerOf(head, "content-length"), undefined);
      assertEquals(headerOf(head, "transfer-encoding"), undefined);
    }
    opened.handler.http = () => new Response(null);
    await client.send(httpMessage("GET /"));
    const { head, body } = await readResponse(client);
    assertEquals([headerOf(head, "content-length"), body], ["0", ""]);
  },

  async "for HTTP/1.0 a stream ends with its connection"(listen) {
    const { opened, body } = await streaming(listen);
    await using _port = opened;
    using client = await RawSocket.connect(opened.port);
    await client.send(`GET / HTTP/1.0\r\n${HOST}\r\n\r\n`);
    const head = await withTimeout(client.head());
    assertEquals(headerOf(head, "transfer-encoding"), undefined);
    body.send("one");
    assertEquals(await withTimeout(client.text(3)), "one");
    body.send("two");
    body.controller.close();
    assertEquals(await readRest(client), "two");
  },

  async "stopping cancels streams, and aborts what waits"(listen) {
    const { opened, body } = await streaming(listen);
    const { handler, port } = opened;
    using client = await RawSocket.connect(port);
    await client.send(httpMessage("GET /"));
    await withTimeout(client.head());
    const [entered, aborted] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    handler.http = async ({ signal }) => {
      entered.resolve();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      aborted.resolve();
      return new Response("nobody reads this");
    };
    using waiting = await RawSocket.connect(port);
    await waiting.send(httpMessage("GET /"));
    await withTimeout(entered.promise);
    await withTimeout(opened.stop());
    await withTimeout(Promise.all([body.cancelled.promise, aborted.promise]));
    assertEquals(handler.failures, []);
    await opened[Symbol.asyncDispose]();
  },
};
