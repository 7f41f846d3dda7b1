/**
 * How the hardened transport handles requests and writes their responses, step by step.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { EventEmitter } from "node:events";
import { ServerResponse } from "node:http";
import { Socket } from "node:net";
import { respondHttp } from "../../transports/node_http.ts";
import { HttpExchanges } from "../../transports/node_http_exchanges.ts";
import { BoundedRequest } from "../../transports/node_http_request.ts";
import { Pacer } from "../../transports/pacer.ts";
import { ReaderCut } from "../../transports/slow_peer_monitor.ts";
import { RecordingHandler } from "../support/recording_handler.ts";
import { withTimeout } from "../support/with_timeout.ts";

Deno.test("a response that waits for its client to read ends when that leaves", async () => {
  const socket = new Socket();
  const handler = new RecordingHandler();
  let isCancelled = false;
  const chunk = new Uint8Array(100_000);
  handler.http = () =>
    new Response(
      new ReadableStream({
        pull: (body) => body.enqueue(chunk.slice()),
        cancel: () => void (isCancelled = true),
      }),
    );
  const incoming = Object.assign(new BoundedRequest(socket), { method: "GET", url: "/" });
  incoming.complete = true;
  const outgoing = new ServerResponse(incoming);
  const waiting = Promise.withResolvers<void>();
  outgoing.write = () => {
    waiting.resolve();
    return false;
  };
  const responded = respondHttp(incoming, outgoing, handler, new Pacer());
  await withTimeout(waiting.promise);
  socket.emit("close");
  await withTimeout(responded);
  assertEquals([isCancelled, handler.failures], [true, []]);
  socket.destroy();
});

Deno.test("a response whose body fails while its client reads nothing ends its connection", async () => {
  const socket = new Socket();
  const handler = new RecordingHandler();
  let body!: ReadableStreamDefaultController<Uint8Array>;
  handler.http = () => new Response(new ReadableStream({ start: (it) => void (body = it) }));
  const incoming = Object.assign(new BoundedRequest(socket), { method: "GET", url: "/" });
  incoming.complete = true;
  const outgoing = new ServerResponse(incoming);
  const waiting = Promise.withResolvers<void>();
  outgoing.write = () => {
    waiting.resolve();
    return false;
  };
  const responded = respondHttp(incoming, outgoing, handler, new Pacer());
  body.enqueue(new Uint8Array(10));
  await withTimeout(waiting.promise);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  body.error(new ReaderCut("it reads nothing"));
  await withTimeout(closed);
  await withTimeout(responded);
  assertEquals(handler.failures, []);
});

Deno.test("a request is being handled once all of it has come, or is being read, until its response is written", () => {
  const exchanges = new HttpExchanges();
  const socket = new EventEmitter() as unknown as Socket;
  const incoming = { complete: false, isRead: false, failBody() {} };
  const outgoing = Object.assign(new EventEmitter(), { writableEnded: false });
  assertEquals(exchanges.isHandled(socket), false);
  exchanges.add(socket, incoming, outgoing as unknown as ServerResponse);
  const shown = [exchanges.isHandled(socket)];
  incoming.isRead = true;
  shown.push(exchanges.isHandled(socket));
  outgoing.writableEnded = true;
  shown.push(exchanges.isHandled(socket));
  assertEquals(shown, [false, true, false]);
});

Deno.test("a request whose client leaves before its turn is not handled", async () => {
  const socket = new Socket();
  const handler = new RecordingHandler();
  let handled = 0;
  handler.http = () => new Response(`${handled++}`);
  let poll = () => {};
  const full = new Pacer((callback) => void (poll = callback));
  while (!full.wait());
  const incoming = Object.assign(new BoundedRequest(socket), { method: "GET", url: "/" });
  incoming.complete = true;
  const responded = respondHttp(incoming, new ServerResponse(incoming), handler, full);
  socket.emit("close");
  poll();
  await withTimeout(responded);
  assertEquals([handled, handler.failures], [0, []]);
  socket.destroy();
});
