/**
 * Credit that is refused: its client learns it, whether or not the request has an id.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { MemoryPeer, openContext } from "../support/memory_peer.ts";
import { open } from "../support/memory_stores.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { assertQuiet, put, RawSubscription, subscribe } from "../support/raw_subscription.ts";

const limits = { creditMessages: 10, creditBytes: 2000, messageBytes: 1000 };

/** Amounts that are refused, and the error. */
const REFUSED: readonly (readonly [amounts: object, error: object])[] = [
  [{ messages: -1, bytes: 1 }, badRequest("messages", "-1")],
  [{ messages: 1.5 }, badRequest("messages", "1.5")],
  [{ messages: "5", bytes: 1 }, badRequest("messages", '"5"')],
  [{ messages: 5, bytes: null }, badRequest("bytes", "null")],
  [{ messages: 2 ** 53 }, badRequest("messages", "9007199254740992")],
  [{ messages: 11 }, {
    code: "limit_exceeded",
    message: "Cannot credit: 11 messages would be granted ahead, the limit is 10",
    limit: 10,
  }],
  [{ messages: 5, bytes: 2001 }, {
    code: "limit_exceeded",
    message: "Cannot credit: 2001 bytes would be granted ahead, the limit is 2000",
    limit: 2000,
  }],
];

function badRequest(field: string, got: string): object {
  const message = `Invalid credit request: "${field}" must be a whole number, got ${got}`;
  return { code: "bad_request", message };
}

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`credit without an id that is refused ends its stream with the error, and no other: ${transport}`, async () => {
    for (const [amounts, error] of REFUSED) {
      await using server = await openServer({ transport, limits });
      await using client = await RawClient.open(server.url);
      await client.request(subscribe(8, { messages: 0, bytes: 0 }));
      const other = await RawSubscription.open(client, subscribe(9, { messages: 1, bytes: 1000 }));
      assertEquals(await client.request({ action: "credit", sub: 8, ...amounts }), {
        sub: 8,
        error,
      });
      // It has ended: what it gets now does nothing, and its name can be used again.
      client.send({ action: "credit", sub: 8, messages: 5, bytes: 1000 });
      client.send({ action: "put", topic: "t", message: "m" });
      await other.read(1);
      await assertQuiet(client);
      assertEquals((await client.request(subscribe(8, { messages: 1, bytes: 1000 }))).sub, 8);
      assertEquals(server.stats().refused, 1);
    }
  });
}

Deno.test("credit with an id that is refused gets the error as its reply, and the stream goes on with what it has", async () => {
  await using server = await openServer({ limits });
  await using client = await RawClient.open(server.url);
  const stream = await RawSubscription.open(client, subscribe(8, { messages: 0, bytes: 0 }));
  for (const [amounts, error] of REFUSED) {
    const reply = await client.request({ action: "credit", id: 7, sub: 8, ...amounts });
    assertEquals(reply, { id: 7, error });
  }
  await put(client, "m");
  await assertQuiet(client);
  await stream.grant(1, 1000);
  await stream.read(1);
});

Deno.test("a stream that lacks credit and one that sends are ended alike, after what was sent before", async () => {
  await using server = await openServer({ limits });
  await using client = await RawClient.open(server.url);
  const stream = await RawSubscription.open(client, subscribe(8, { messages: 10, bytes: 1000 }));
  const puts = ["a", "b"].map((message) => ({ action: "put", topic: "t", message }));
  client.send([...puts, { action: "credit", sub: 8, messages: "x" }, ...puts]);
  await stream.read(2);
  assertEquals((await client.next()).error.code, "bad_request");
  await assertQuiet(client);
});

Deno.test("credit for a stream that is not there gets no frame, whatever it says", async () => {
  await using server = await openServer({ limits });
  await using client = await RawClient.open(server.url);
  for (const [amounts] of REFUSED) client.send({ action: "credit", sub: 8, ...amounts });
  for (const sub of [-1, "8", null, undefined]) client.send({ action: "credit", sub, messages: 1 });
  client.send({ action: "unsubscribe", sub: "8" });
  client.send({ action: "cancel", wait: -1 });
  await assertQuiet(client);
});

/** As many fields as a request likes, with different names. */
function fields(count: number): object {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`x${i}`, i]));
}

/** What comes before the answer to a request that is sent now. */
async function framesUntilNow(client: RawClient): Promise<unknown[]> {
  client.send({ action: "cancel", id: 999, wait: 999 });
  const frames: unknown[] = [];
  for (;;) {
    for (const frame of [await client.next()].flat()) {
      if (frame.id === 999) return frames;
      frames.push(frame);
    }
  }
}

const CREDIT = { action: "credit", sub: 8, messages: 5, bytes: 1000 };

/** It makes a frame so large that the server scans it before it parses it. */
const LARGE = JSON.stringify({ action: "heartbeat", id: 7, pad: "x".repeat(80_000) });

const TOO_MANY_FIELDS = {
  code: "limit_exceeded",
  message:
    "Cannot read request: it has more fields, or its frame more names for them, the limit is 64",
  limit: 64,
};

/** Requests behind which `CREDIT` is refused, or which it is if it is refused by itself; and the error. */
const UNREAD: Readonly<Record<string, readonly [requests: string, error: object]>> = {
  "with more fields than are read": [
    JSON.stringify({ ...CREDIT, ...fields(61) }),
    TOO_MANY_FIELDS,
  ],
  "with more fields than are read, named last and escaped": [
    JSON.stringify({ ...fields(61), ...CREDIT }).replace('"sub"', '"s\\u0075b"'),
    TOO_MANY_FIELDS,
  ],
  "whose frame has too many names of fields": [
    JSON.stringify([...Array(5).keys()].map((i) => ({
      action: "cancel",
      wait: 0,
      ...Object.fromEntries(Object.keys(fields(60)).map((name) => [`${name}-${i}`, 0])),
    }))).slice(1, -1) + `,${JSON.stringify(CREDIT)}`,
    TOO_MANY_FIELDS,
  ],
  "that is nested too deep": [
    JSON.stringify({ ...CREDIT, more: [[[[[[[[0]]]]]]]] }),
    {
      code: "bad_request",
      message: "Invalid request: it is nested deeper than 8 levels",
    },
  ],
  "whose frame is not JSON": [
    JSON.stringify(CREDIT).replace("5", "05"),
    { code: "bad_request", message: "Invalid request: its frame is not JSON" },
  ],
};

for (const transport of ["builtin", "hardened"] as const) {
  for (const [which, [requests, error]] of Object.entries(UNREAD)) {
    Deno.test(`credit ${which} is refused unread, and without an id ends its stream with the error: ${transport}`, async () => {
      await using server = await openServer({ transport, limits });
      await using client = await RawClient.open(server.url);
      await client.request(subscribe(8, { messages: 0, bytes: 0 }));
      const other = await RawSubscription.open(client, subscribe(9, { messages: 1, bytes: 1000 }));
      client.send(`[${LARGE},${requests}]`);
      const large = which.includes("JSON") ? { id: 7, error } : { id: 7 };
      assertEquals(await framesUntilNow(client), [large, { sub: 8, error }]);
      client.send({ action: "put", topic: "t", message: "m" });
      await other.read(1);
      await assertQuiet(client);
      assertEquals((await client.request(subscribe(8, { messages: 1, bytes: 1000 }))).sub, 8);
    });
  }

  Deno.test(`credit in a frame beyond the limit closes the connection with 1009: ${transport}`, async () => {
    await using server = await openServer({ transport, limits });
    await using client = await RawClient.open(server.url);
    await client.request(subscribe(8, { messages: 0, bytes: 0 }));
    const pad = "x".repeat(3 * 1024 * 1024);
    assertEquals(await client.requestOrCode({ ...CREDIT, pad }), 1009);
  });
}

Deno.test("credit with an id that is refused unread gets the error as its reply, and the stream goes on", async () => {
  await using server = await openServer({ limits });
  await using client = await RawClient.open(server.url);
  const stream = await RawSubscription.open(client, subscribe(8, { messages: 0, bytes: 0 }));
  const request = JSON.stringify({ ...CREDIT, ...fields(61), id: 6 });
  const replies = [...await client.request(`[${LARGE},${request}]`)];
  assertEquals(replies, [{ id: 7 }, { id: 6, error: TOO_MANY_FIELDS }]);
  await put(client, "m");
  await assertQuiet(client);
  await stream.grant(1, 1000);
  await stream.read(1);
});

for (const count of [8, 9]) {
  const isDone = count === 8;
  Deno.test(`where there is no room, credit with ${4 + count} fields is ${isDone ? "done" : "refused, and ends its stream"}`, async () => {
    const clock = new ManualClock();
    await using store = open(nodeSqlite, clock);
    await using context = await openContext(store, clock, { inFlight: 2 });
    const peer = new MemoryPeer(context);
    const { sub } = await peer.request({ action: "subscribe", topic: "t" });
    // They come at once, so that each waits for the one before.
    const gets = [1, 2, 3, 4].map(() => peer.request({ action: "get", topic: "u" }));
    peer.send({ ...CREDIT, sub, ...fields(count) });
    assertEquals((await Promise.all(gets)).at(-1)!.error?.code, "limit_exceeded");
    await peer.request({ action: "put", topic: "t", body: "m" });
    await peer.request({ action: "cancel", wait: 0 });
    const [item, ...more] = peer.streamed;
    assertEquals([item?.sub, item?.error?.code, item?.bodies, more], [
      sub,
      isDone ? undefined : "limit_exceeded",
      isDone ? ["m"] : undefined,
      [],
    ]);
    peer.close();
  });
}
