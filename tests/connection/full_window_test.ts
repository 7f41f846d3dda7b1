/**
 * Requests that need no room: they are carried out and answered, however full the window is.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { ClientConnection } from "../../connection/client_connection.ts";
import { GatedStore, store, testServer, turns } from "../support/bridge.ts";
import { ALL_PERMISSIONS, type WireItem } from "../support/memory_peer.ts";

/** A connection whose window is full: one request is in progress and waits for the test, and three wait behind it. */
async function fullWindow() {
  const gated = new GatedStore();
  const host = await testServer(gated, undefined, { inFlight: 3, inFlightBytes: 10_000 });
  await store(host, "s", "1", "2", "3");
  const received: WireItem[] = [];
  const closed: number[] = [];
  const connection = new ClientConnection(
    host,
    {
      send: (frame) => received.push(...[JSON.parse(frame)].flat()),
      buffered: 0,
      drained: () => Promise.resolve(),
      close: (code) => void closed.push(code),
      closeAndStopReading: () => {},
      drop: () => void closed.push(1006),
    },
    0,
    ALL_PERMISSIONS,
  );
  const send = (...requests: object[]) =>
    connection.receive(JSON.stringify(requests.length === 1 ? requests[0] : requests));
  send({ action: "subscribe", id: 1, topic: "s", since: "start", messages: 1, bytes: 1000 });
  send({ action: "get_wait", id: 2, topic: "w" });
  await turns();
  send({ action: "get", id: 3, topic: "slow" });
  await turns();
  for (const id of [4, 5, 6, 7]) send({ action: "get", id, topic: "slow" });
  return {
    send,
    received,
    closed,
    /** Releases what waits, and waits for it. */
    async open() {
      gated.gate.resolve();
      await turns();
    },
    async [Symbol.asyncDispose]() {
      gated.gate.resolve();
      connection.end();
      await host[Symbol.asyncDispose]();
    },
  };
}

Deno.test("reads beyond the window are refused: it is full", async () => {
  await using connection = await fullWindow();
  await connection.open();
  const refused = connection.received.filter(({ error }) => error?.code === "limit_exceeded");
  assertEquals(refused.map(({ id }) => id), [7]);
});

Deno.test("credit that arrives while the window is full is granted", async () => {
  await using connection = await fullWindow();
  connection.send({ action: "credit", sub: 1, messages: 3, bytes: 1000 });
  await connection.open();
  const streamed = connection.received.flatMap(({ sub, bodies }) => sub === 1 && bodies || []);
  assertEquals(streamed, ["1", "2", "3"]);
});

for (
  const request of [
    { action: "credit", id: 20, sub: 1, messages: 3, bytes: 1000 },
    { action: "cancel", id: 20, wait: 2 },
    { action: "unsubscribe", id: 20, sub: 1 },
    { action: "heartbeat", id: 20 },
  ]
) {
  Deno.test(`a request that arrives while the window is full is answered, and not refused: ${request.action}`, async () => {
    await using connection = await fullWindow();
    connection.send(request);
    await connection.open();
    const replies = connection.received.filter(({ id }) => id === 20);
    assertEquals(replies.map(({ error }) => error), [undefined]);
  });
}

Deno.test("a cancel without an id that arrives while the window is full cancels the wait", async () => {
  await using connection = await fullWindow();
  connection.send({ action: "cancel", wait: 2 });
  await connection.open();
  // It took nothing and holds nothing: another can wait under its id.
  connection.send({ action: "get_wait", id: 2, topic: "w", timeout: 0 });
  await turns();
  const replies = connection.received.filter(({ id }) => id === 2);
  assert(replies.every(({ error }) => error === undefined), JSON.stringify(replies));
});

Deno.test("control requests at the end of a list that is too long for the window are carried out", async () => {
  await using connection = await fullWindow();
  await connection.open();
  const gets = [21, 22, 23, 24].map((id) => ({ action: "get", id, topic: "g" }));
  const credit = { action: "credit", id: 25, sub: 1, messages: 3, bytes: 1000 };
  connection.send(...gets, credit, { action: "cancel", wait: 2 });
  await turns();
  const replies = connection.received.filter(({ id = 0 }) => id > 20);
  assertEquals(replies.map(({ id, error }) => [id, error?.code]), [
    [21, undefined],
    [22, undefined],
    [23, undefined],
    [24, "limit_exceeded"],
    [25, undefined],
  ]);
  const streamed = connection.received.flatMap(({ sub, bodies }) => sub === 1 && bodies || []);
  assertEquals(streamed, ["1", "2", "3"]);
  assert(connection.received.some(({ id, error }) => id === 2 && !error));
});
