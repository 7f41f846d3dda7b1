/**
 * How many requests and bytes of a connection may wait: `inFlight` and `inFlightBytes`.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { FrameScan } from "../../protocol/frame_scan.ts";
import type { ServerLimits } from "../../protocol/limits.ts";
import type { Peer } from "../../transports/peer.ts";
import { ClientConnection } from "../../connection/client_connection.ts";
import type { MessagePage } from "../../stores/store.ts";
import { ManualStore, page } from "../support/manual_store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { ALL_PERMISSIONS, openContext } from "../support/memory_peer.ts";

/** A connection whose store answers when the test tells it to. */
async function connection(limits: Partial<ServerLimits>) {
  const [store, clock] = [new ManualStore(), new ManualClock()];
  const host = await openContext(store, clock, limits);
  const refused: string[] = [];
  const sent: string[] = [];
  const closed: [number, string][] = [];
  const wire: Peer = {
    send: (frame: string) => void sent.push(frame),
    buffered: 0,
    drained: () => Promise.resolve(),
    close: (code: number, reason: string) => void closed.push([code, reason]),
    closeAndStopReading: () => {},
    drop: () => void closed.push([0, "dropped"]),
  };
  const turn = () => new Promise((resolve) => setTimeout(resolve, 0));
  const counting = { ...host, onRefused: ({ code }: { code: string }) => void refused.push(code) };
  const connection = new ClientConnection(counting, wire, 0, ALL_PERMISSIONS);
  return {
    sent,
    refused,
    closed,
    clock,
    send: (frame: unknown) => connection.receive(JSON.stringify(frame)),
    sendText: (text: unknown) => connection.receive(text),
    /** Lets the pipeline take what is next. */
    turn,
    /** The store answers this many reads: there is nothing. */
    async reply(reads: number) {
      for (let i = 0; i < reads; i++) (await store.next<MessagePage>()).reply(page(0));
      // On a slow machine the pipeline yields before it goes on.
      for (let i = 0; i < 5; i++) await turn();
    },
    /** What it answered to which request, in order. */
    received: () =>
      sent.splice(0).flatMap((frame) => JSON.parse(frame)).map(({ id, error }) =>
        error ? [id, error.code, error.limit] : [id]
      ),
    async [Symbol.asyncDispose]() {
      connection.end();
      await host[Symbol.asyncDispose]();
    },
  };
}

const get = (id?: number) => ({ action: "get", id, topic: "t" });

for (const kind of ["ours", "of dsmq 1.x"]) {
  const idOf = (i: number) => kind === "ours" ? i : undefined;
  Deno.test(`of waiting requests ${kind} the N+1st is refused, in its turn, and the N are carried out`, async () => {
    await using client = await connection({ inFlight: 3 });
    client.send(get(idOf(0)));
    await client.turn();
    for (const i of [1, 2, 3, 4, 5]) client.send(get(idOf(i)));
    assertEquals(client.sent, []);
    await client.reply(4);
    const expected = [[0], [1], [2], [3], [4, "limit_exceeded", 3], [5, "limit_exceeded", 3]];
    assertEquals(
      client.received(),
      expected.map(([id, ...error]) => [idOf(id as number), ...error]),
    );
    client.send(get(idOf(6)));
    await client.reply(1);
    assertEquals(client.received(), [[idOf(6)]]);
    assertEquals(client.closed, []);
  });
}

Deno.test("as soon as a request is in progress, another may wait", async () => {
  await using client = await connection({ inFlight: 1 });
  client.send(get(0));
  await client.turn();
  client.send(get(1));
  client.send(get(2));
  await client.reply(1);
  client.send(get(3));
  await client.reply(2);
  assertEquals(client.received(), [[0], [1], [2, "limit_exceeded", 1], [3]]);
});

Deno.test("when a frame does not fit, its first requests are carried out and the others refused, in order", async () => {
  await using client = await connection({ inFlight: 3 });
  const latest = (id: number) => ({ ...get(id), action: "get_latest" });
  client.send([0, 1, 2, 3, 4].map(latest));
  await client.turn();
  await client.reply(1);
  // The second is in progress and one waits, so there is room for two.
  client.send([5, 6, 7].map(latest));
  await client.reply(4);
  assertEquals(client.received(), [
    ...[[0], [1], [2], [3, "limit_exceeded", 3], [4, "limit_exceeded", 3]],
    ...[[5], [6], [7, "limit_exceeded", 3]],
  ]);
});

Deno.test("a request counts in any spelling", async () => {
  for (
    const encode of [
      (id: number) => `{ "action" : "get" , "id" : ${id} , "topic" : "t" }`,
      (id: number) => `{"\\u0061ction":"\\u0067et","\\u0069d":${id}.0,"topic":"t"}`,
      (id: number) => `{"action":"close","id":99,"topic":"t","id":${id},"action":"get"}`,
      (id: number) => `[{"topic":"t","pad":"\\"{[","id":${id},"action":"get"}]`,
    ]
  ) {
    await using client = await connection({ inFlight: 3 });
    client.send(get(0));
    await client.turn();
    for (const id of [1, 2, 3, 4]) client.sendText(encode(id));
    await client.reply(4);
    assertEquals(client.received(), [[0], [1], [2], [3], [4, "limit_exceeded", 3]]);
  }
});

Deno.test("a list of messages counts as as many requests as it has messages", async () => {
  await using client = await connection({ inFlight: 5 });
  const list = (id: number, length: number) => ({
    ...{ action: "put", id, topic: "" },
    bodies: Array(length).fill(""),
  });
  client.send(get(0));
  await client.turn();
  client.send(list(1, 3));
  client.send([get(2), list(3, 2), get(4)]);
  client.send([list(5, 2), get(6)]);
  client.send({ action: "heartbeat", id: 7 });
  await client.reply(2);
  assertEquals(client.received(), [
    ...[[0], [1, "bad_topic", undefined], [2], [3, "limit_exceeded", 5], [4, "limit_exceeded", 5]],
    ...[[5, "limit_exceeded", 5], [6, "limit_exceeded", 5], [7]],
  ]);
});

Deno.test("a list with more messages than a frame may hold requests is refused, and the requests before it are not", async () => {
  await using client = await connection({ frameRequests: 3 });
  const list = { action: "put", id: 2, topic: "t", bodies: Array(3).fill("") };
  client.send([get(1), list, get(3)]);
  await client.reply(1);
  assertEquals(client.received(), [[1], [2, "limit_exceeded", 3], [3, "limit_exceeded", 3]]);
  client.send({ ...list, id: undefined, bodies: Array(4).fill("") });
  await client.turn();
  assertEquals(client.refused, ["limit_exceeded", "limit_exceeded", "limit_exceeded"]);
});

Deno.test("waiting requests are counted once, however many frames come meanwhile", async () => {
  await using client = await connection({ inFlight: 100 });
  client.send(get(0));
  await client.turn();
  const { scan } = FrameScan;
  let characters = 0;
  FrameScan.scan = (text, max) => {
    characters += text.length;
    return scan(text, max);
  };
  const frame = JSON.stringify({ ...get(1), padding: ",".repeat(100) });
  try {
    for (let i = 0; i < 300; i++) client.sendText(frame);
  } finally {
    FrameScan.scan = scan;
  }
  assert(characters <= 301 * frame.length, `${characters} characters are looked at`);
});

Deno.test("messages that look like requests count as one request each", async () => {
  await using client = await connection({ inFlight: 3 });
  client.send(get(0));
  await client.turn();
  const padding = ['"action":'.repeat(10), '{"action":"get"}'];
  for (const id of [1, 2, 3]) client.send({ ...get(id), pad: padding });
  await client.reply(4);
  assertEquals(client.received(), [[0], [1], [2], [3]]);
});

Deno.test("no more bytes wait than the limit allows, but one frame may, however large", async () => {
  await using client = await connection({ inFlightBytes: 1000 });
  // A character counts as a byte, however many it takes.
  const padded = (id: number, bytes: number) => {
    const bare = JSON.stringify({ ...get(id), padding: "" }).length;
    return { ...get(id), padding: "é".repeat(bytes - bare) };
  };
  client.send(get(0));
  await client.turn();
  client.send(padded(1, 5000));
  client.send(get(2));
  await client.reply(2);
  assertEquals(client.received(), [[0], [1], [2, "limit_exceeded", 1000]]);

  client.send(get(3));
  await client.turn();
  client.send(padded(4, 600));
  client.send(padded(5, 401));
  client.send(padded(6, 400));
  client.send(get(7));
  await client.reply(3);
  assertEquals(client.received(), [[3], [4], [5, "limit_exceeded", 1000], [6], [
    7,
    "limit_exceeded",
    1000,
  ]]);
});

Deno.test("a client that goes on when four times as many requests are refused as may wait is closed with 1008", async () => {
  await using client = await connection({ inFlight: 3 });
  client.send(get(0));
  await client.turn();
  for (let id = 1; id <= 3 + 12; id++) client.send(get(id));
  assertEquals(client.closed, []);
  client.send(get(16));
  for (let id = 17; id < 100; id++) client.send(get(id));
  // What it has sent already is read first, or it would not see the close frame.
  assertEquals(client.closed, []);
  for (let i = 0; client.closed.length === 0 && i < 500; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assertEquals(client.closed.splice(0), [[1008, "too many requests wait"]]);
  await client.reply(1);
  assertEquals(client.refused, []);
  // It does not answer the close frame.
  client.clock.advance(2000);
  assertEquals(client.closed, [[0, "dropped"]]);
});

Deno.test("a client that reads its errors before it goes on is not a flood", async () => {
  await using client = await connection({ inFlight: 3 });
  for (let round = 0; round < 5; round++) {
    client.send(get(0));
    await client.turn();
    for (let id = 1; id <= 3 + 12; id++) client.send(get(id));
    await client.reply(4);
    assertEquals(client.received().length, 1 + 3 + 12);
  }
  client.clock.advance(1000);
  assertEquals(client.closed, []);
});

Deno.test("puts of dsmq 1.x wait in any number, as many as the bytes allow", async () => {
  const put = { action: "put", topic: "t", message: "m" };
  await using client = await connection({
    inFlight: 3,
    inFlightBytes: 100 * JSON.stringify(put).length,
  });
  client.send(get());
  await client.turn();
  for (let i = 0; i < 150; i++) client.send(put);
  // There is no room for another byte, and nobody waits to learn of it.
  assertEquals(client.refused.splice(0), Array(50).fill("limit_exceeded"));
  client.send({ ...get(), action: "get_latest" });
  await client.reply(1);
  assertEquals(client.refused, [...Array(100).fill("unavailable"), "limit_exceeded"]);
  const [got, latest] = client.sent.splice(0).map((frame) => JSON.parse(frame));
  assertEquals([got, latest.message, latest.error.code], [{ message: "" }, "", "limit_exceeded"]);
  client.send(get());
  await client.reply(1);
  assertEquals([client.sent, client.closed], [['{"message":""}'], []]);
});

Deno.test("frames that hold no request count as well", async () => {
  await using client = await connection({ inFlight: 3 });
  client.send(get(0));
  await client.turn();
  const junk = ["", "{", "[]", new Uint8Array(10_000_000), "1"];
  for (let i = 0; i < 1000; i++) client.sendText(junk[i % junk.length]);
  await client.reply(1);
  assertEquals(client.received(), [[0]]);
  assertEquals(client.closed, []);
  assert(client.refused.length >= 600, `${client.refused.length} are refused`);
  client.send(get(1));
  await client.reply(1);
  assertEquals(client.received(), [[1]]);
});
