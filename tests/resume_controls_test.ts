/**
 * Requests that need no room: they are done, and answered, however full the window is.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Session } from "../queue/session.ts";
import { GatedStore, hostOf, store, turns } from "./support/bridge.ts";
import { EVERYTHING, type Said } from "./support/peer.ts";

/** A session whose window is full: one request is being done and waits for the test, and three wait behind it. */
async function fullSession() {
  const gated = new GatedStore();
  const host = await hostOf(gated, undefined, { inFlight: 3, inFlightBytes: 10_000 });
  await store(host, "s", "1", "2", "3");
  const said: Said[] = [];
  const closed: number[] = [];
  const session = new Session(
    host,
    {
      send: (frame) => said.push(...[JSON.parse(frame)].flat()),
      buffered: 0,
      drained: () => Promise.resolve(),
      close: (code) => void closed.push(code),
      drop: () => void closed.push(1006),
    },
    0,
    EVERYTHING,
  );
  const ask = (...requests: object[]) =>
    session.receive(JSON.stringify(requests.length === 1 ? requests[0] : requests));
  ask({ action: "subscribe", id: 1, topic: "s", since: "start", messages: 1, bytes: 1000 });
  ask({ action: "get_wait", id: 2, topic: "w" });
  await turns();
  ask({ action: "get", id: 3, topic: "slow" });
  await turns();
  for (const id of [4, 5, 6, 7]) ask({ action: "get", id, topic: "slow" });
  return {
    ask,
    said,
    closed,
    /** Lets go what waits, and waits for it. */
    async open() {
      gated.gate.resolve();
      await turns();
    },
    async [Symbol.asyncDispose]() {
      gated.gate.resolve();
      session.end();
      await host[Symbol.asyncDispose]();
    },
  };
}

Deno.test("reads beyond the window are refused: so it is full", async () => {
  await using session = await fullSession();
  await session.open();
  const refused = session.said.filter(({ error }) => error?.code === "too_many");
  assertEquals(refused.map(({ id }) => id), [7]);
});

Deno.test("credit that comes while the window is full is granted", async () => {
  await using session = await fullSession();
  session.ask({ action: "credit", sub: 1, messages: 3, bytes: 1000 });
  await session.open();
  const streamed = session.said.flatMap(({ sub, messages }) => sub === 1 && messages || []);
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
  Deno.test(`what comes while the window is full is answered, and not refused: ${request.action}`, async () => {
    await using session = await fullSession();
    session.ask(request);
    await session.open();
    const answers = session.said.filter(({ id }) => id === 20);
    assertEquals(answers.map(({ error }) => error), [undefined]);
  });
}

Deno.test("a cancel that comes while the window is full, without an id, calls the wait off", async () => {
  await using session = await fullSession();
  session.ask({ action: "cancel", wait: 2 });
  await session.open();
  // It took nothing and holds nothing: under its id another can wait.
  session.ask({ action: "get_wait", id: 2, topic: "w", timeout: 0 });
  await turns();
  const answers = session.said.filter(({ id }) => id === 2);
  assert(answers.every(({ error }) => error === undefined), JSON.stringify(answers));
});

Deno.test("control requests in a list of which there is no room for the end are done", async () => {
  await using session = await fullSession();
  await session.open();
  const gets = [21, 22, 23, 24].map((id) => ({ action: "get", id, topic: "g" }));
  const credit = { action: "credit", id: 25, sub: 1, messages: 3, bytes: 1000 };
  session.ask(...gets, credit, { action: "cancel", wait: 2 });
  await turns();
  const answers = session.said.filter(({ id = 0 }) => id > 20);
  assertEquals(answers.map(({ id, error }) => [id, error?.code]), [
    [21, undefined],
    [22, undefined],
    [23, undefined],
    [24, "too_many"],
    [25, undefined],
  ]);
  const streamed = session.said.flatMap(({ sub, messages }) => sub === 1 && messages || []);
  assertEquals(streamed, ["1", "2", "3"]);
  assert(session.said.some(({ id, error }) => id === 2 && !error));
});
