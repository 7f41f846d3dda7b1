/**
 * Limits for clients that ask too much or fail too often: errors a minute, and floods of requests.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

const get = (topic: string, id?: number) => ({ action: "get", id, topic });

Deno.test("errors a minute: the connection that makes more is closed with 1008 after its answer, and no other", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock, limits: { errorsPerMinute: 3 } });
  await using client = await RawClient.open(server.url);
  await using old = await RawClient.open(server.url);
  const bad = { action: "get", id: 1, topic: "" };
  for (let i = 0; i < 3; i++) assertEquals((await client.request(bad)).error.code, "bad_topic");
  clock.advance(60_000);
  for (let i = 0; i < 3; i++) assertEquals((await client.request(bad)).error.code, "bad_topic");
  for (let i = 0; i < 3; i++) assertEquals((await old.request({ action: "get" })).message, "");
  clock.advance(59_999);
  client.send([bad, get("t", 2)]);
  const [one, ...others] = await client.next();
  assertEquals([one.error.code, others], ["bad_topic", []]);
  const { code, reason } = await client.closed;
  assertEquals([code, reason], [1008, "too many requests failed"]);
  old.send({ action: "put", topic: "t", message: "m" });
  assertEquals(await old.request(get("t")), { message: "m" });
});

Deno.test("a flood of requests is closed with 1008, and others go on", async () => {
  await using server = await openServer({ limits: { inFlight: 10 } });
  await using old = await RawClient.open(server.url);
  await using client = await RawClient.open(server.url);
  // One after another: the server reads them faster than it carries them out.
  const frame = JSON.stringify(
    Array.from({ length: 10 }, (_, id) => ({ ...get("t", id), pad: "" })),
  );
  for (let i = 0; i < 100; i++) client.send(frame);
  const { code, reason } = await client.closed;
  assertEquals([code, reason], [1008, "too many requests wait"]);
  old.send({ action: "put", topic: "t", message: "m" });
  assertEquals(await old.request(get("t")), { message: "m" });
});

Deno.test("by default no connection is closed for failures, however many", async () => {
  await using server = await openServer();
  await using old = await RawClient.open(server.url);
  for (let i = 0; i < 2000; i++) old.send("{");
  for (let i = 0; i < 500; i++) assertEquals((await old.request({ action: "get" })).message, "");
  old.send({ action: "put", topic: "t", message: "m" });
  assertEquals(await old.request(get("t")), { message: "m" });
  assertEquals(server.stats().refused, 2500);
});

Deno.test("a frame of very many requests is refused beyond its limit without delaying others for long", async () => {
  const one = '{"action":"get","topic":"t"}';
  const frame = `[${Array<string>(80_000).fill(one).join(",")}]`;
  // A busy machine may stop the process for as long: not each time.
  const delays: string[] = [];
  let isShort = false;
  while (!isShort && delays.length < 5) {
    const before = performance.now();
    JSON.parse(frame);
    const parsing = performance.now() - before;
    const longest = await longestPauseDuring(frame);
    isShort = longest < 5 * parsing + 500;
    delays.push(`others waited ${longest} ms, to parse takes ${parsing} ms`);
  }
  assert(isShort, delays.join("; "));
});

/** Sends a frame of 80,000 requests to a server in this process; the longest time in which nothing else happened here, in milliseconds. */
async function longestPauseDuring(frame: string): Promise<number> {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  let [last, longest] = [performance.now(), 0];
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  client.send(frame);
  let [good, refused] = [0, 0];
  while (good + refused < 80_000) {
    for (const { error } of await client.next()) error ? refused++ : good++;
  }
  clearInterval(timer);
  assertEquals([good, refused], [16_384, 80_000 - 16_384]);
  return longest;
}

Deno.test("a frame with so many requests that their errors would be a flood ends its connection", async () => {
  await using server = await openServer();
  for (
    const [length, one] of [[90_000, '{"action":"get","topic":"t"}'], [1_000_000, "{}"]] as const
  ) {
    await using client = await RawClient.open(server.url);
    client.send(`[${Array<string>(length).fill(one).join(",")}]`);
    assertEquals((await client.closed).code, 1008);
  }
});

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`a ${transport} server reads no frame larger than its limit, and closes with 1009`, async () => {
    await using server = await openServer({ transport });
    await using client = await RawClient.open(server.url);
    client.send(`{"action":"put","topic":"t","message":"m"}${" ".repeat(3 * 1024 * 1024)}`);
    assertEquals((await client.closed).code, 1009);
    await using other = await RawClient.open(server.url);
    other.send({ action: "get", topic: "t" });
    assertEquals((await other.next()).message, "");
  });
}
