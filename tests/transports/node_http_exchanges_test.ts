/**
 * The order of requests and responses on one connection, step by step. Over a connection they mostly have no occasion to get
 * out of order, since the next request is parsed only once the one before it has its response.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import { EventEmitter } from "node:events";
import { ServerResponse } from "node:http";
import { Socket } from "node:net";
import { respondHttp, whenRoom } from "../../transports/node_http.ts";
import {
  type ExchangeRequest,
  type HttpExchange,
  HttpExchanges,
} from "../../transports/node_http_exchanges.ts";
import { afterResponses, respondBadRequest } from "../../transports/node_http_refusal.ts";
import { BoundedRequest, exchanges as shared } from "../../transports/node_http_request.ts";
import { Pacer } from "../../transports/pacer.ts";
import { HeldTimers } from "../support/held_timers.ts";
import { RecordingHandler } from "../support/recording_handler.ts";

const WHOLE: ExchangeRequest = { complete: true, isRead: true, failBody() {} };

/** A connection, as far as exchanges use it. */
class FakeConnection extends EventEmitter {
  destroyed = false;
  writableNeedDrain = false;
  readonly #exchanges: HttpExchanges;

  constructor(exchanges = new HttpExchanges()) {
    super();
    this.#exchanges = exchanges;
  }

  get socket(): Socket {
    return this as unknown as Socket;
  }

  destroy(): void {
    this.destroyed = true;
  }

  /** A request has come. */
  request(incoming = WHOLE): Exchange {
    const outgoing = Object.assign(new EventEmitter(), { writableEnded: false });
    const response = outgoing as unknown as ServerResponse;
    const exchange = this.#exchanges.add(this.socket, incoming, response);
    let begun = exchange.turn === undefined;
    void exchange.turn?.then(() => begun = true);
    return {
      exchange,
      hasBegun: async () => {
        await Promise.resolve();
        return begun;
      },
      write: () => {
        outgoing.writableEnded = true;
        this.#exchanges.onWritten(exchange);
      },
      close: () => void outgoing.emit("close"),
    };
  }

  mayParse(isNewRequest = true): boolean {
    return this.#exchanges.mayParse(this.socket, isNewRequest);
  }

  /** How often there was room since. */
  roomCount(): () => number {
    let count = 0;
    this.#exchanges.whenRoom(this.socket, () => count++);
    return () => count;
  }
}

interface Exchange {
  readonly exchange: HttpExchange;
  /** Its turn has come. */
  hasBegun(): Promise<boolean>;
  /** Its response is handed over. */
  write(): void;
  /** Its response was sent, or its connection is gone. */
  close(): void;
}

const begun = (all: readonly Exchange[]) => Promise.all(all.map((one) => one.hasBegun()));

Deno.test("of requests that come at once each begins when the response before it is written, or is given up", async () => {
  const connection = new FakeConnection();
  const all = [1, 2, 3].map(() => connection.request());
  assertEquals(await begun(all), [true, false, false]);
  all[0]!.write();
  assertEquals(await begun(all), [true, true, false]);
  all[0]!.close();
  assertEquals(await begun(all), [true, true, false]);
  all[1]!.close();
  assertEquals(await begun(all), [true, true, true]);
});

Deno.test("while a client has not read the responses before it, the next request neither begins nor is parsed", async () => {
  const connection = new FakeConnection();
  const first = connection.request();
  const second = connection.request();
  assertEquals([connection.mayParse(), connection.mayParse(false)], [false, true]);
  connection.writableNeedDrain = true;
  first.write();
  assertEquals([await second.hasBegun(), connection.mayParse()], [false, false]);
  first.close();
  assertEquals(await second.hasBegun(), true);
  second.write();
  assertEquals([connection.mayParse(), await connection.request().hasBegun()], [false, false]);
});

Deno.test("there is room for the next request once a response is written, is sent, or what waited was read", () => {
  const connection = new FakeConnection();
  const first = connection.request();
  for (const happen of [() => first.write(), () => connection.emit("drain"), () => first.close()]) {
    const count = connection.roomCount();
    happen();
    happen();
    assertEquals(count(), 1);
  }
  assertEquals(connection.mayParse(), true);
});

Deno.test("at most four requests of a connection wait, whatever is parsed", () => {
  const connection = new FakeConnection(shared);
  for (let i = 0; i < 4; i++) {
    assertEquals(shared.tooMany(connection.socket), false);
    connection.request().write();
  }
  assertEquals([shared.tooMany(connection.socket), connection.mayParse()], [true, false]);
  assertThrows(() => new BoundedRequest(connection.socket), Error, "too many requests wait");
  const handler = new RecordingHandler();
  respondBadRequest(new Error("too many requests wait"), connection.socket, handler);
  assertEquals([connection.destroyed, handler.refusals], [true, [
    "Cannot answer a request: too many earlier requests of its connection wait for their responses",
  ]]);
});

for (const event of ["end", "close"]) {
  Deno.test(`what has no response is given up when its client leaves (${event}), and its connection with it`, async () => {
    const connection = new FakeConnection();
    const failed: unknown[] = [];
    const written = connection.request();
    written.write();
    const half = {
      complete: false,
      isRead: true,
      failBody: (reason: Error) => failed.push(reason),
    };
    const waiting = [connection.request(), connection.request(half)];
    const [signal, lateSignal] = waiting.map(({ exchange }) => exchange.signal);
    connection.emit(event);
    assertEquals([signal!.aborted, lateSignal!.aborted, failed], [true, true, [signal!.reason]]);
    assertEquals(waiting.map(({ exchange }) => exchange.isGone), [true, true]);
    assertEquals([await begun(waiting), connection.destroyed], [[true, true], true]);
  });
}

Deno.test("a client that ends its side still gets the responses that were written", () => {
  const connection = new FakeConnection();
  const { exchange, write } = connection.request();
  const { signal } = exchange;
  write();
  connection.emit("end");
  assertEquals([signal.aborted, connection.destroyed], [false, false]);
});

Deno.test("a request that was held and has waited for those of others does not wait again", () => {
  const connection = new FakeConnection(shared);
  const first = connection.request();
  const pacer = new Pacer();
  let hasRoom = false;
  whenRoom(connection.socket, pacer, () => hasRoom = true);
  first.write();
  first.close();
  const [second, third] = [connection.request(), connection.request()];
  const paced = [first, second, third].map(({ exchange }) => exchange.hasPaced);
  assertEquals([hasRoom, paced], [true, [false, true, false]]);
});

Deno.test("held requests of many connections are parsed a few at a time", () => {
  const polls: (() => void)[] = [];
  const pacer = new Pacer((callback) => void polls.push(callback));
  let parsed = 0;
  for (let i = 0; i < 20; i++) {
    const connection = new FakeConnection(shared);
    const first = connection.request();
    whenRoom(connection.socket, pacer, () => parsed++);
    first.write();
  }
  assertEquals([parsed, polls.length], [8, 1]);
});

Deno.test("a request is known to have come after a poll of the network only if its client had the response before it", () => {
  const connection = new FakeConnection();
  const before = performance.now();
  const first = connection.request();
  first.write();
  first.close();
  // The client has sent these after it had the first response: the other one perhaps at once with it.
  const all = [first, connection.request(), connection.request()];
  const [none, known, waiting] = all.map(({ exchange }) => exchange.polledAt);
  assertEquals([none, known! >= before, waiting], [-Infinity, true, -Infinity]);
});

/** Requests on one connection that were parsed, and the paths of those that are being handled. */
function parsedRequests() {
  const socket = new Socket();
  const handler = new RecordingHandler();
  const seen: string[] = [];
  const released = Promise.withResolvers<void>();
  handler.http = async ({ url }) => {
    seen.push(new URL(url).pathname);
    if (seen.length === 1) await released.promise;
    return new Response("ok");
  };
  const respond = (url: string, pacer = new Pacer()) => {
    const incoming = Object.assign(new BoundedRequest(socket), { method: "GET", url });
    incoming.complete = true;
    return respondHttp(incoming, new ServerResponse(incoming), handler, pacer);
  };
  return { socket, handler, seen, respond, release: () => released.resolve() };
}

/** Whatever can happen now has happened. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

Deno.test("requests are handled one after the other, also if they were parsed at once", async () => {
  const { socket, handler, seen, respond, release } = parsedRequests();
  const all = ["/1", "/2"].map((url) => respond(url));
  await settled();
  assertEquals(seen, ["/1"]);
  release();
  await Promise.all(all);
  assertEquals([seen, handler.failures], [["/1", "/2"], []]);
  socket.destroy();
});

Deno.test("a request waits for those of other connections, but not twice", async () => {
  const { socket, seen, respond, release } = parsedRequests();
  release();
  await respond("/1");
  const full = new Pacer(() => {});
  while (!full.wait());
  shared.pace(socket);
  await respond("/2", full);
  void respond("/3", full);
  await settled();
  assertEquals(seen, ["/1", "/2"]);
  socket.destroy();
});

Deno.test("what a client sends is refused once, however often it is found to be wrong", () => {
  using timers = new HeldTimers("transports/node_http_refusal.ts");
  const connection = Object.assign(new FakeConnection(shared), { writable: true, bytesRead: 1 });
  const handler = new RecordingHandler();
  connection.request();
  for (let i = 0; i < 2; i++) {
    respondBadRequest(new Error("Parse Error"), connection.socket, handler);
  }
  assertEquals(handler.refusals, ["Cannot read a request: it is not HTTP/1.1"]);
  assertEquals(timers.count, 1);
});

Deno.test("what ends a connection waits for the responses before it, for a second at most", () => {
  using timers = new HeldTimers("transports/node_http_refusal.ts");
  const resumed: string[] = [];
  const [reading, stuck, left] = ["reading", "stuck", "left"].map((name) => {
    const connection = new FakeConnection(shared);
    const { write, close } = connection.request();
    write();
    afterResponses(connection.socket, () => resumed.push(name));
    return { connection, close };
  });
  assertEquals([resumed, timers.count], [[], 3]);
  reading!.close();
  assertEquals([resumed, timers.count], [["reading"], 2]);
  left!.connection.destroyed = true;
  left!.close();
  assertEquals(timers.count, 1);
  timers.fire();
  assertEquals([resumed, stuck!.connection.destroyed], [["reading"], true]);
  assertEquals(reading!.connection.destroyed, false);
  afterResponses(reading!.connection.socket, () => resumed.push("again"));
  assertEquals([resumed, timers.count], [["reading", "again"], 0]);
});
