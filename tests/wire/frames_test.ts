/**
 * How the answers to one frame are packed into frames, and the pages in which topics are listed.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

const FRAME_BYTES = 262_144;

const sizeOf = (text: string) => new TextEncoder().encode(text).length;
const gets = (count: number) =>
  Array.from({ length: count }, (_, id) => ({ action: "get", id, topic: "t" }));

/** Reads array frames until this many answers have come; returns the answers of each frame. */
async function framesOf(client: RawClient, replies: number) {
  const frames: { bytes: number; bodies: string[]; ids: number[] }[] = [];
  for (let seen = 0; seen < replies;) {
    const text = await client.nextText();
    const items = JSON.parse(text) as { id: number; body: string }[];
    assert(Array.isArray(items), "answers to an array come in arrays");
    frames.push({
      bytes: sizeOf(text),
      bodies: items.map(({ body }) => body),
      ids: items.map(({ id }) => id),
    });
    seen += items.length;
  }
  assertEquals(client.unread, []);
  return frames;
}

async function putAll(client: RawClient, messages: readonly string[]) {
  const { seqs } = await client.request({ action: "put", id: 1, topic: "t", bodies: messages });
  assertEquals(seqs.length, messages.length);
}

const alphabets = [
  ["of ASCII", "x"],
  ["of two-byte characters", "é"],
  ["of three-byte characters", "語"],
  ["of four-byte characters", "😀"],
  ["of six-byte escapes", "\u0001"],
] as const;

for (const [kind, character] of alphabets) {
  Deno.test(`answers ${kind} to one frame come in order in frames of at most 256 KiB`, async () => {
    await using server = await openServer();
    await using client = await RawClient.open(server.url);
    const long = character.repeat(Math.floor(60_000 / (sizeOf(JSON.stringify(character)) - 2)));
    const messages = Array.from({ length: 40 }, (_, i) => `${i}${long}`);
    await putAll(client, messages);
    client.send(gets(42));
    const frames = await framesOf(client, 42);
    for (const { bytes } of frames) assert(bytes <= FRAME_BYTES, `a frame of ${bytes} bytes`);
    assertEquals(frames.flatMap(({ ids }) => ids), gets(42).map(({ id }) => id));
    assertEquals(frames.flatMap(({ bodies }) => bodies), [...messages, "", ""]);
    const total = frames.reduce((sum, { bytes }) => sum + bytes, 0);
    assert(frames.length <= Math.ceil(total / (FRAME_BYTES - 70_000)) + 1, "frames are filled");
  });
}

Deno.test("answers that fill 256 KiB to the byte share a frame, and one byte more needs another frame", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock });
  await using client = await RawClient.open(server.url);
  const around = (seq: number) =>
    JSON.stringify({ id: seq % 2, body: "", seq, time: clock.now(), through: seq }).length;
  const first = "é".repeat(50_000);
  const rest = FRAME_BYTES - 100_000 - around(1) - around(2) - "[,]".length;
  await putAll(client, [first, "x".repeat(rest), first, "x".repeat(rest + 1)]);
  const pair = [{ action: "get", id: 1, topic: "t" }, { action: "get", id: 0, topic: "t" }];
  client.send(pair);
  const [full, ...none] = await framesOf(client, 2);
  assertEquals([full!.bytes, full!.ids, none.length], [FRAME_BYTES, [1, 0], 0]);
  client.send(pair);
  assertEquals((await framesOf(client, 2)).map(({ ids }) => ids), [[1], [0]]);
});

Deno.test("a message larger than the limit of a frame gets a frame of its own", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const large = "é".repeat(400_000);
  await putAll(client, ["before", large, "after"]);
  client.send(gets(3));
  const frames = await framesOf(client, 3);
  assertEquals(frames.map(({ bodies }) => bodies), [["before"], [large], ["after"]]);
});

Deno.test("the answer to a single request is one object, however large", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const large = "x".repeat(900_000);
  await putAll(client, [large]);
  assertEquals((await client.request(gets(1)[0])).body, large);
});

Deno.test("thousands of answers to one frame all come, in order", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const messages = Array.from({ length: 5000 }, (_, i) => `message ${i}`);
  const { seqs } = await client.request({ action: "put", id: 1, topic: "t", bodies: messages });
  assertEquals([seqs.length, seqs[0], seqs[4999]], [5000, 1, 5000]);
  client.send(gets(5000));
  const frames = await framesOf(client, 5000);
  assertEquals(frames.flatMap(({ bodies }) => bodies), messages);
  for (const { bytes } of frames) assert(bytes <= FRAME_BYTES);
});

const topicsAfter = (after: string, fields: object = {}) => ({
  action: "topics",
  id: 1,
  after,
  ...fields,
});

Deno.test("topics are listed with their size, their newest number and its time", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock });
  await using client = await RawClient.open(server.url);
  const none = await client.request({ action: "topics", id: 1 });
  assertEquals(none, { id: 1, topics: [], more: false });
  const early = clock.now();
  await client.request({ action: "put", id: 2, topic: "tea", bodies: ["one", "two"] });
  clock.advance(5);
  await client.request({ action: "put", id: 3, topic: "ale", bodies: ["three"] });
  await client.request({ action: "get", id: 4, topic: "tea" });
  assertEquals(await client.request({ action: "topics", id: 5 }), {
    id: 5,
    topics: [
      { topic: "ale", messages: 1, bytes: 110, stored: 1, seq: 3, time: early + 5, readers: 0 },
      { topic: "tea", messages: 2, bytes: 216, stored: 2, seq: 2, time: early, readers: 0 },
    ],
    more: false,
  });
});

Deno.test("topics come in pages, ordered by code points", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const sorted = ["A", "Z", "a", "a ", "aa", "b", "z", "é", "語", "\uff5e", "😀", "😀a"];
  for (const [i, topic] of sorted.entries()) {
    const other = sorted[(i * 5) % sorted.length]!;
    client.send({ action: "put", topic: other, message: topic });
  }
  for (const count of [1, 2, 5, 11, 12, 100]) {
    const seen: string[] = [];
    let more = true;
    while (more) {
      const page = await client.request(topicsAfter(seen.at(-1) ?? "", { count }));
      assert(page.topics.length === count || page.topics.length < count && !page.more);
      seen.push(...page.topics.map(({ topic }: { topic: string }) => topic));
      more = page.more;
    }
    assertEquals(seen, sorted);
  }
});

Deno.test("topics can be filtered by a prefix", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  for (const topic of ["te", "tea", "tea.black", "tea.green", "teb", "t", "TEA", "é1", "é2"]) {
    client.send({ action: "put", topic, message: "x" });
  }
  const names = async (request: object) =>
    (await client.request(request)).topics.map(({ topic }: { topic: string }) => topic);
  assertEquals(await names(topicsAfter("", { prefix: "tea" })), ["tea", "tea.black", "tea.green"]);
  assertEquals(await names(topicsAfter("tea", { prefix: "tea", count: 1 })), ["tea.black"]);
  assertEquals(await names(topicsAfter("tea.green", { prefix: "tea" })), []);
  assertEquals(await names(topicsAfter("", { prefix: "é" })), ["é1", "é2"]);
  assertEquals(await names(topicsAfter("", { prefix: "nothing" })), []);
});

Deno.test("a page lists at most 1000 topics, and states that there are more", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const puts = Array.from({ length: 1001 }, (_, i) => ({
    action: "put",
    topic: `t${String(i).padStart(4, "0")}`,
    message: "x",
  }));
  client.send(puts);
  const page = await client.request(topicsAfter("", { count: 5000 }));
  assertEquals([page.topics.length, page.more], [1000, true]);
  const last = await client.request(topicsAfter(page.topics.at(-1).topic));
  assertEquals([last.topics.length, last.topics[0].topic, last.more], [1, "t1000", false]);
});

Deno.test("a topic whose messages have all expired is not listed", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock, retention: 1000 });
  await using client = await RawClient.open(server.url);
  client.send({ action: "put", topic: "old", message: "x" });
  client.send({ action: "put", topic: "both", message: "x" });
  await client.request({ action: "topics", id: 1 });
  clock.advance(999);
  await client.request({ action: "put", id: 2, topic: "both", body: "y" });
  assertEquals((await client.request({ action: "topics", id: 3 })).topics.length, 2);
  const topics = [
    { topic: "both", messages: 1, bytes: 107, stored: 2, seq: 3, time: clock.now(), readers: 0 },
  ];
  // First without a purge that the test waits for, then with one.
  clock.set(clock.now() + 1);
  assertEquals((await client.request({ action: "topics", id: 4 })).topics, topics);
  clock.advance(0);
  assertEquals((await client.request({ action: "topics", id: 5 })).topics, topics);
});
