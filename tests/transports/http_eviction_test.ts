/**
 * Which requests give way when there is no room for incomplete ones: over the hardened transport, which bounds these.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { Budget } from "../../budgets/budget.ts";
import { EvictingBudget } from "../../budgets/evicting_budget.ts";
import { listen } from "../../transports/node.ts";
import { HttpConnections } from "../../transports/node_http_connections.ts";
import { until } from "../support/bridge.ts";
import { clockAhead } from "../support/clock_ahead.ts";
import { httpMessage, readChunk, readResponse } from "../support/http_client.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { OpenPort } from "../support/recording_handler.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** How long a request may be incomplete before it can be evicted, in milliseconds, and a little more. */
const GRACE_PERIOD = 2100;

const KIB = 1024;

/** A port that looks at its connections when the test says so. */
async function open(shared: number) {
  const partial = new Budget({ own: 8 * KIB, shared });
  const opened = await OpenPort.with(listen, { partial });
  const { setInterval } = globalThis;
  let check: (() => void) | undefined;
  globalThis.setInterval = ((run: () => void, ms?: number) => {
    check ??= run;
    return setInterval(() => {}, ms);
  }) as typeof setInterval;
  const first = await RawSocket.connect(opened.port);
  await until(() => check !== undefined);
  globalThis.setInterval = setInterval;
  return { opened, partial, first, check: check! };
}

/** This many connections that send nothing. */
function silentClients(port: number, count: number): Promise<RawSocket[]> {
  return Promise.all(Array.from({ length: count }, () => RawSocket.connect(port)));
}

Deno.test("hardened: a request that is being answered, or whose body is being read, does not give way, however long it takes", async () => {
  const { opened, partial, first, check } = await open(64 * KIB);
  await using _opened = opened;
  const { handler, port } = opened;
  let stream!: ReadableStreamDefaultController<Uint8Array>;
  const [released, reading] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  handler.http = async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/stream") {
      return new Response(new ReadableStream({ start: (it) => void (stream = it) }));
    }
    if (pathname === "/wait") await released.promise;
    if (pathname !== "/body") return new Response("ok");
    const reader = request.body!.getReader();
    await reader.read();
    reading.resolve();
    return new Response(`${(await reader.read()).value?.length}`);
  };
  using streaming = first;
  using waiting = await RawSocket.connect(port);
  using sending = await RawSocket.connect(port);
  await streaming.send(httpMessage("GET /stream"));
  await withTimeout(streaming.head());
  await waiting.send(httpMessage("GET /wait"));
  await sending.send(`${httpMessage("POST /body", ["Content-Length: 20000"])}x`);
  await withTimeout(reading.promise);
  await until(() => {
    check();
    return partial.free === 64 * KIB;
  });
  // More than there is room for, three times.
  const others: RawSocket[] = [];
  for (let i = 0; i < 3; i++) {
    using _later = clockAhead((i + 1) * GRACE_PERIOD);
    others.push(...await silentClients(port, 12));
    await withTimeout(handler.until(() => handler.refusals.length >= 12 * i + 4));
    check();
  }
  stream.enqueue(new TextEncoder().encode("still here"));
  assertEquals(await readChunk(streaming), "still here");
  released.resolve();
  assertEquals((await readResponse(waiting)).body, "ok");
  await sending.send("x".repeat(19_999));
  assert(Number((await readResponse(sending)).body) > 0);
  for (const client of others) client.cut();
});

Deno.test("hardened: a request that is incomplete gives way to others after a while", async () => {
  const { opened, check, first } = await open(64 * KIB);
  await using _opened = opened;
  using half = first;
  await half.send(`${httpMessage("GET /").slice(0, -2)}X-Long: ${"x".repeat(10 * KIB)}`);
  using _later = clockAhead(GRACE_PERIOD);
  const others = await silentClients(opened.port, 12);
  await withTimeout(opened.handler.until(() => opened.handler.refusals.length > 0));
  check();
  assertEquals(await withTimeout(half.head()), "");
  for (const client of others) client.cut();
});

Deno.test("hardened: a connection whose requests come one after the other does not give way", async () => {
  const { opened, first } = await open(64 * KIB);
  await using _opened = opened;
  using busy = first;
  await busy.send(httpMessage("GET /"));
  await readResponse(busy);
  using _later = clockAhead(GRACE_PERIOD);
  const others = await silentClients(opened.port, 7);
  await busy.send(httpMessage("GET /"));
  assertEquals((await readResponse(busy)).status, 200);
  others.push(...await silentClients(opened.port, 3));
  await withTimeout(opened.handler.until(() => opened.handler.refusals.length > 0));
  await busy.send(httpMessage("GET /"));
  assertEquals((await readResponse(busy)).status, 200);
  for (const client of others) client.cut();
});

Deno.test("hardened: a large response that is read slowly does not give way, though its handler is done", async () => {
  const { opened, partial, first, check } = await open(64 * KIB);
  await using _opened = opened;
  const size = 16 * KIB * KIB;
  opened.handler.http = () => new Response(new Uint8Array(size));
  using slow = first;
  await slow.send(httpMessage("GET /"));
  await withTimeout(slow.head());
  check();
  assertEquals(partial.free, 64 * KIB);
  using _later = clockAhead(GRACE_PERIOD);
  const others = await silentClients(opened.port, 12);
  await withTimeout(opened.handler.until(() => opened.handler.refusals.length > 0));
  for (let left = size; left > 0;) left -= await withTimeout(slow.discard(KIB * KIB));
  for (const client of others) client.cut();
});

Deno.test("hardened: the end of a response gives way once a slow line would have taken it", () => {
  const time = { now: 0 };
  const budget = new Budget({ own: 8 * KIB, shared: 128 * KIB });
  const connections = new HttpConnections(
    new EvictingBudget(budget, { grace: GRACE_PERIOD, now: () => time.now }),
    false,
  );
  const evicted: string[] = [];
  const add = (name: string) => {
    const socket = Object.assign(new EventEmitter(), { bytesRead: 0, writableLength: 0 });
    connections.add(socket as unknown as Socket, () => evicted.push(name));
    return socket;
  };
  const { now } = performance;
  performance.now = () => time.now;
  try {
    const slow = add("slow");
    slow.writableLength = 40 * KIB;
    for (time.now = 0; time.now < 4900; time.now += 100) connections.check();
    // There is no room, and nobody who may give way but the one that needs it.
    add("other").writableLength = 40 * KIB;
    connections.check();
    assertEquals(evicted, ["other"]);
    for (; time.now < 9000; time.now += 100) connections.check();
    add("another").writableLength = 40 * KIB;
    connections.check();
    assertEquals(evicted, ["other", "slow"]);
  } finally {
    performance.now = now;
    connections.stop();
  }
});

Deno.test("hardened: of an incomplete request is counted what has come, up to the size of headers, and what waits for its turn", () => {
  const budget = new Budget({ own: 8 * KIB, shared: 1024 * KIB });
  const connections = new HttpConnections(
    new EvictingBudget(budget, { grace: GRACE_PERIOD }),
    false,
  );
  const fake = Object.assign(new EventEmitter(), { bytesRead: 0, writableLength: 0 });
  const socket = fake as unknown as Socket;
  connections.add(socket, () => {});
  const idle = budget.free;
  const counted = () => {
    connections.check();
    return (idle - budget.free) / KIB;
  };
  fake.bytesRead = 10 * KIB;
  assertEquals(counted(), 10);
  fake.bytesRead = KIB * KIB;
  assertEquals(counted(), 80);
  connections.setInput(socket, { buffered: 5 * KIB });
  assertEquals(counted(), 85);
  connections.onRequest(socket);
  assertEquals(counted(), 0);
  fake.bytesRead += 3 * KIB;
  fake.writableLength = 4 * KIB;
  assertEquals(counted(), 7);
  fake.emit("close");
  assertEquals(budget.holders, 0);
});
