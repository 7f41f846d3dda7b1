/**
 * Where streams of prefixes begin, and their gaps.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { put, readTo, subscribe } from "../support/prefix_stream.ts";
import { credit } from "../support/raw_subscription.ts";

Deno.test("a stream of a prefix begins where it is told: at a position, a time, the start, or now", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock });
  await using client = await RawClient.open(server.url);
  await put(client, "p.1", "one");
  clock.advance(1000);
  await put(client, "p.2", "two");
  clock.advance(1000);
  await put(client, "p.1", "three");
  const cases: [unknown, number, string[]][] = [
    ["start", 0, ["one", "two", "three", "end"]],
    ["now", 3, ["end"]],
    [{ after: 1 }, 1, ["two", "three", "end"]],
    [{ after: 3 }, 3, ["end"]],
    [{ ago: 1000 }, 1, ["two", "three", "end"]],
    [{ time: clock.now() }, 2, ["three", "end"]],
    // The connection started to read before the first message.
    [undefined, 0, ["one", "two", "three", "end"]],
  ];
  const readers: RawClient[] = [];
  await using stack = new AsyncDisposableStack();
  for (const [since, start] of cases) {
    const reader = since === undefined ? client : stack.use(await RawClient.open(server.url));
    assertEquals(await reader.request(subscribe(8, "p.", { since })), { id: 8, sub: 8, start });
    readers.push(reader);
  }
  await using putter = await RawClient.open(server.url);
  await put(putter, "p.3", "end");
  for (const [i, [, start, expected]] of cases.entries()) {
    assertEquals((await readTo(readers[i]!, start, "end")).map(([, body]) => body), expected);
  }
});

Deno.test("a prefix has no cursor: each subscription without since begins where the connection started, whatever was read", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  await put(client, "p.1", "one", "two");
  assertEquals((await client.request({ action: "get", id: 2, topic: "p.1" })).body, "one");
  for (const id of [8, 9]) {
    assertEquals(await client.request(subscribe(id, "p.")), { id, sub: id, start: 0 });
    assertEquals((await client.next()).bodies, ["one", "two"]);
  }
  assertEquals((await client.request({ action: "get", id: 2, topic: "p.1" })).body, "two");
});

Deno.test("a gap of a prefix is the newest message that is gone of any of its topics, as its policy says", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock, retention: 1000 });
  await using client = await RawClient.open(server.url);
  await put(client, "p.1", "one");
  await put(client, "p.2", "two");
  await put(client, "q", "of another topic");
  clock.advance(1000);
  await put(client, "p.1", "four");
  const from = (id: number, prefix: string, fields: object = {}) =>
    client.request(subscribe(id, prefix, { since: { after: 1 }, ...fields }));
  const { error, through } = await from(8, "p.");
  assertEquals([error.code, error.after, error.floor, through], ["trimmed", 1, 3, 2]);
  assertEquals((await from(8, "p.2")).error.code, "trimmed");
  // Nothing of these is missing.
  assertEquals((await from(8, "p.1")).start, 1);
  assertEquals((await client.next()).bodies, ["four"]);
  assertEquals((await from(9, "r")).start, 1);
  assertEquals((await from(10, "p.", { onGap: "oldest" })).start, 2);
  assertEquals((await client.next()).bodies, ["four"]);
  assertEquals((await from(11, "p.", { onGap: "now" })).start, 4);
  assertEquals((await from(12, "p.", { since: { after: 99 } })).error.code, "ahead");
  const lost = { since: { after: 2, epoch: "unknown" } };
  assertEquals((await from(12, "p.", lost)).error.code, "epoch_changed");
});

Deno.test("messages of a prefix that go while its stream has no credit are a gap", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock, retention: 1000 });
  await using client = await RawClient.open(server.url);
  await using putter = await RawClient.open(server.url);
  await client.request(subscribe(8, "p.", { messages: 1 }));
  await client.request(subscribe(9, "p.", { messages: 1, onGap: "oldest" }));
  await put(putter, "p.1", "one");
  assertEquals([(await client.next()).sub, (await client.next()).sub], [8, 9]);
  await put(putter, "p.2", "two");
  await put(putter, "q", "of another topic");
  clock.advance(1000);
  await put(putter, "p.3", "three");
  for (const sub of [8, 9]) client.send(credit(sub, 9, 1000));
  const [first, second] = [await client.next(), await client.next()]
    .sort((a, b) => a.sub - b.sub);
  assertEquals([first.sub, first.error.code, first.through], [8, "trimmed", 2]);
  assertEquals([second.sub, second.prev, second.bodies], [9, 1, ["three"]]);
});

Deno.test("a stream of very many topics goes on behind very many messages of others", async () => {
  await using server = await openServer();
  await using putter = await RawClient.open(server.url);
  const putAll = async (count: number, topic: (i: number) => string) => {
    for (let from = 0; from < count; from += 1000) {
      await putter.request(
        Array.from({ length: 1000 }, (_, id) => ({
          action: "put",
          id,
          topic: topic(from + id),
          body: "m",
        })),
      );
    }
  };
  await putAll(2000, (i) => `p.${i}`);
  await putAll(40_000, (i) => `other ${i % 3}`);
  await put(putter, "p.end", "end");
  await using reader = await RawClient.open(server.url);
  await reader.request(subscribe(8, "p.", { since: { after: 1999 } }));
  assertEquals(await readTo(reader, 1999, "end"), [["p.1999", "m"], ["p.end", "end"]]);
  // And goes on live.
  await put(putter, "p.0", "later");
  assertEquals(await readTo(reader, 42_001, "later"), [["p.0", "later"]]);
});

Deno.test("what is purged of a topic is a gap of its prefix to those who have not read it, and to no others", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  await using putter = await RawClient.open(server.url);
  await client.request(subscribe(8, "p.", { messages: 1 }));
  await client.request(subscribe(9, "p.", { messages: 1, onGap: "oldest" }));
  await client.request(subscribe(10, "p.2", { messages: 1 }));
  await put(putter, "p.1", "one", "two");
  await put(putter, "p.2", "three", "four");
  for (const sub of [8, 9, 10]) assertEquals((await client.next()).sub, sub);
  await putter.request({ action: "purge", id: 2, topic: "p.1" });
  for (const sub of [8, 9, 10]) client.send(credit(sub, 9, 1000));
  const frames = [await client.next(), await client.next(), await client.next()];
  const [first, second, third] = frames.sort((a, b) => a.sub - b.sub);
  assertEquals([first.sub, first.error.code, first.through], [8, "trimmed", 2]);
  assertEquals([second.sub, second.prev, second.bodies], [9, 1, ["three", "four"]]);
  assertEquals([third.sub, third.bodies], [10, ["four"]]);
});

Deno.test("messages of a prefix keep their attributes, each its own", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  await using putter = await RawClient.open(server.url);
  await client.request(subscribe(8, "p."));
  await putter.request([
    { action: "put", id: 1, topic: "p.1", body: "one", attributes: { key: "a" } },
    { action: "put", id: 2, topic: "p.2", body: "two" },
  ]);
  const live = await client.next();
  await client.request(subscribe(9, "p.", { since: "start" }));
  const read = await client.next();
  for (const { topics, bodies, attributes } of [live, read]) {
    assertEquals([topics, bodies], [["p.1", "p.2"], ["one", "two"]]);
    assertEquals(attributes, [{ key: "a" }, null]);
  }
});
