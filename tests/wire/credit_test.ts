/**
 * Credit over the wire: a stream sends what its subscriber has asked for, and not a byte more.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { seeded } from "../../testing/seeded.ts";
import {
  AMPLE,
  assertQuiet,
  bytesOf,
  credit,
  put,
  RawSubscription,
  subscribe,
} from "../support/raw_subscription.ts";

Deno.test("without credit nothing is streamed; credit counts from the start and never decreases", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  await put(client, "one", "two", "three", "four", "five");
  const without = { messages: undefined, bytes: undefined, since: "start" };
  const stream = await RawSubscription.open(client, subscribe(8, without));
  await assertQuiet(client);
  await stream.grant(2, 1000);
  await stream.read(2);
  await assertQuiet(client);
  await stream.grant(2, 1000);
  await stream.grant(1, 10);
  await assertQuiet(client);
  await stream.grant(4, 0);
  await stream.read(4);
  await assertQuiet(client);
  client.send(credit(8, 5, 0));
  await stream.read(5);
});

Deno.test("unused credit stays valid, whatever is sent later", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const stream = await RawSubscription.open(client, subscribe(8, { messages: 3, bytes: 15 }));
  await stream.grant(1, 15);
  await stream.grant(3, 1);
  await stream.grant(0, 0);
  client.send({ action: "put", topic: "t", bodies: ["one", "two", "six", "ten"] });
  await stream.read(3);
  await assertQuiet(client);
});

Deno.test("credit in bytes counts a message as JSON in UTF-8, to the byte", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const messages = ["abc", "é", "😀", "\n", "\ud800", ""];
  await put(client, ...messages);
  const stream = await RawSubscription.open(client, subscribe(8, { bytes: 0, since: "start" }));
  let bytes = 0;
  for (const [i, message] of messages.entries()) {
    bytes += bytesOf(message);
    await stream.grant(100, bytes - 1);
    await assertQuiet(client);
    await stream.grant(100, bytes);
    await stream.read(i + 1);
  }
  assertEquals(stream.messages, messages);
});

Deno.test("a large message waits for credit in bytes, and the messages behind it wait for it", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const large = "x".repeat(600_000);
  const stream = await RawSubscription.open(client, subscribe(8, { bytes: 100_000 }));
  client.send({ action: "put", topic: "t", message: "before" });
  await stream.read(1);
  await put(client, large, "after");
  await assertQuiet(client);
  await stream.grant(100, 600_009);
  await assertQuiet(client);
  await stream.grant(100, 600_010);
  await stream.read(2);
  await assertQuiet(client);
  await stream.grant(100, 700_000);
  await stream.read(3);
  assertEquals(stream.messages, ["before", large, "after"]);
});

const characters = ["x", "é", "😀", "\n", "\ud800"];

for (const seed of [1, 2, 3]) {
  Deno.test(`a stream sends all that its credit covers and not a byte more (seed ${seed})`, async () => {
    const random = seeded(seed);
    await using server = await openServer();
    await using reader = await RawClient.open(server.url);
    await using putter = await RawClient.open(server.url);
    const stream = await RawSubscription.open(reader, subscribe(8, { messages: 0, bytes: 0 }));
    const stored: string[] = [];
    const granted = { messages: 0, bytes: 0 };
    for (let round = 0; round < 120; round++) {
      if (random(3) > 0) {
        const batch = Array.from(
          { length: random(6) },
          () => characters[random(5)]!.repeat(random(10) === 0 ? 3000 : random(60)),
        );
        await put(putter, ...batch);
        stored.push(...batch);
      }
      if (random(3) > 0) {
        granted.messages += random(6);
        granted.bytes += random(4) === 0 ? random(4000) : random(200);
        await stream.grant(granted.messages, granted.bytes);
      }
      let [covered, bytes] = [0, 0];
      while (covered < Math.min(stored.length, granted.messages)) {
        bytes += bytesOf(stored[covered]!);
        if (bytes > granted.bytes) break;
        covered++;
      }
      await stream.read(covered);
      await assertQuiet(reader);
    }
    assertEquals(stream.messages, stored.slice(0, stream.messages.length));
    await stream.grant(AMPLE.messages, AMPLE.bytes);
    await stream.read(stored.length);
    assertEquals(stream.messages, stored);
  });
}
