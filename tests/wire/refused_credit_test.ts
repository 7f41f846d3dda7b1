/**
 * Credit that is refused: its client learns it, whether or not the request has an id.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
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
