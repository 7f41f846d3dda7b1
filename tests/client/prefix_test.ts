/**
 * Subscriptions to prefixes: what they bring, where they begin, and that they go on over breaks.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  connect,
  type Connection,
  DsmqError,
  type Message,
  type MessageStream,
} from "@dsmq/server";
import { inMemory, settled, store, testServer, turns } from "../support/bridge.ts";
import {
  closeAll,
  connectedPair,
  disconnect,
  letReconnect,
  nextBody,
  reconnectTo,
} from "../support/connected_pair.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { trim } from "../../testing/store/support.ts";
import { openServer } from "../support/open_server.ts";
import { QueueFile } from "../support/queue_file.ts";
import { as } from "../support/untyped.ts";

const RETENTION = 60_000;

/** The next messages, each with its topic. */
async function take(stream: MessageStream, count: number): Promise<string[]> {
  const taken: string[] = [];
  for (let i = 0; i < count; i++) {
    const next = await settled(stream.next());
    taken.push(
      typeof next === "string"
        ? next
        : next.value
        ? `${next.value.topic} ${next.value.body}`
        : "end",
    );
  }
  return taken;
}

/** The epoch of the server. */
async function epochOf(putter: Connection): Promise<string> {
  await putter.put("no orders", "");
  return (await putter.read("no orders"))!.position.replace(/:\d+$/, "");
}

Deno.test("a subscription to a prefix gets the messages of all its topics in the order in which they were stored", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  await using putter = await connect(server.url);
  const stream = mq.subscribe({ prefix: "orders." });
  const expected: Message[] = [];
  const epoch = await epochOf(putter);
  for (let i = 0; i < 100; i++) {
    const topic = ["orders.eu", "orders.us", "order", "orders.", "other"][i % 5]!;
    const seq = await putter.put(topic, `${i}`);
    if (topic.startsWith("orders.")) {
      expected.push({ topic, body: `${i}`, seq, position: `${epoch}:${seq}`, time: 0 });
    }
  }
  for (const message of expected) {
    const { value } = await stream.next();
    assertEquals({ ...value!, time: 0 }, message);
  }
  await stream[Symbol.asyncDispose]();
  assertEquals((await stream.next()).done, true);
});

Deno.test("without since a prefix begins where the connection started to read, whatever was read of its topics", async () => {
  await using server = await openServer();
  await using putter = await connect(server.url);
  await putter.put("p.1", "before");
  await using mq = await connect(server.url);
  await using all = await connect(server.url, { since: "start" });
  await putter.put("p.2", "one");
  assertEquals(await mq.get("p.2"), "one");
  for (let i = 0; i < 2; i++) {
    await using stream = mq.subscribe({ prefix: "p." });
    assertEquals(await take(stream, 1), ["p.2 one"]);
    await using another = all.subscribe({ prefix: "p." });
    assertEquals(await take(another, 2), ["p.1 before", "p.2 one"]);
  }
  // A subscription to a topic begins at its cursor, which the prefix has not moved.
  await putter.put("p.2", "two");
  await using topic = mq.subscribe("p.2");
  assertEquals(await take(topic, 1), ["p.2 two"]);
});

Deno.test("a prefix begins at the start, now, after a number, at a date, or so long ago", async () => {
  const clock = new ManualClock();
  const host = await testServer(inMemory(clock, RETENTION), clock);
  const { mq } = await connectedPair(host);
  await store(host, "p.1", "one");
  clock.advance(1000);
  const date = new Date(clock.now());
  await store(host, "p.2", "two");
  await store(host, "q", "of another topic");
  const from = (since: "start" | "now" | number | Date | { ago: number }) =>
    mq.subscribe({ prefix: "p." }, { since });
  const streams = [from("start"), from("now"), from(1), from(date), from({ ago: 0 })];
  await turns();
  await store(host, "p.3", "three");
  const all = ["p.1 one", "p.2 two", "p.3 three"];
  const expected = [all, all.slice(2), all.slice(1), all.slice(1), all.slice(1)];
  for (const [i, stream] of streams.entries()) {
    assertEquals(await take(stream, expected[i]!.length), expected[i]!);
  }
  await closeAll(mq, host);
});

Deno.test("over breaks a subscription to a prefix goes on after the message that arrived last", async () => {
  const host = await testServer(inMemory());
  const { bridge, mq } = await connectedPair(host);
  const stream = mq.subscribe({ prefix: "p." });
  await turns();
  for (let i = 0; i < 5; i++) {
    await store(host, `p.${i}`, `${i} a`);
    assertEquals(await take(stream, 1), [`p.${i} ${i} a`]);
    disconnect(bridge);
    await store(host, `p.new ${i}`, `${i} b`);
    await store(host, "other", "not for it");
    await letReconnect(bridge, mq, host);
    assertEquals(await take(stream, 1), [`p.new ${i} ${i} b`]);
  }
  await closeAll(mq, host);
});

Deno.test("a subscription to a prefix whose first answer is lost begins where it would have begun", async () => {
  for (const since of [undefined, "now", "start", 1] as const) {
    const host = await testServer(inMemory());
    await store(host, "p.1", "before");
    const { bridge, mq } = await connectedPair(host);
    await store(host, "p.2", "one");
    await mq.get("other");
    bridge.passes = (frame) => !frame.includes('"sub"');
    const stream = mq.subscribe({ prefix: "p." }, since === undefined ? {} : { since });
    await turns();
    disconnect(bridge);
    bridge.passes = () => true;
    await store(host, "p.3", "two");
    await letReconnect(bridge, mq, host);
    const expected = ["p.1 before", "p.2 one", "p.3 two"];
    const skipped = since === "start" ? 0 : since === "now" ? expected.length - 1 : 1;
    // Where "now" was nobody knows any more: nothing that came after the call is missed.
    const taken = await take(stream, expected.length - skipped);
    assertEquals(taken.at(-1), "p.3 two");
    if (since !== "now") assertEquals(taken, expected.slice(skipped));
    await closeAll(mq, host);
  }
});

Deno.test("over a restart of a file a subscription to a prefix misses nothing and repeats nothing", async () => {
  await using file = new QueueFile();
  let host = await testServer(file.open());
  const { bridge, mq } = await connectedPair(host);
  const stream = mq.subscribe({ prefix: "p." });
  await turns();
  for (let i = 0; i < 4; i++) {
    await store(host, `p.${i % 3}`, `${i} a`);
    assertEquals(await take(stream, 1), [`p.${i % 3} ${i} a`]);
    disconnect(bridge);
    await store(host, `p.${i}`, `${i} b`);
    await host[Symbol.asyncDispose]();
    host = await testServer(file.open());
    await store(host, `p.0`, `${i} c`);
    await letReconnect(bridge, mq, host);
    assertEquals(await take(stream, 2), [`p.${i} ${i} b`, `p.0 ${i} c`]);
  }
  await closeAll(mq, host);
});

Deno.test("in another store a prefix reports that its history is lost, and back in the first one it goes on there", async () => {
  const [first, second] = [await testServer(inMemory()), await testServer(inMemory())];
  const { bridge, mq } = await connectedPair(first);
  const gaps: DsmqError[] = [];
  const onGap = (gap: DsmqError) => {
    gaps.push(gap);
    return "oldest" as const;
  };
  const stream = mq.subscribe({ prefix: "p." }, { onGap });
  await turns();
  await store(first, "p.1", "one", "two");
  assertEquals(await take(stream, 1), ["p.1 one"]);
  await store(second, "p.2", "other");
  await reconnectTo(bridge, mq, second);
  assertEquals(await take(stream, 2), ["p.1 two", "p.2 other"]);
  await reconnectTo(bridge, mq, first);
  await store(first, "p.3", "three");
  assertEquals(await take(stream, 1), ["p.3 three"]);
  assertEquals(gaps.map(({ code, prefix, topic }) => [code, prefix, topic]), [
    ["epoch_changed", "p.", undefined],
  ]);
  await closeAll(mq, first, second);
});

Deno.test("a gap names the prefix, and goes by what is gone of its topics alone", async () => {
  const clock = new ManualClock();
  const host = await testServer(inMemory(clock, RETENTION), clock);
  const { bridge, mq } = await connectedPair(host);
  const streams = ["p.", "p.1", "q", "p."].map((prefix, i) =>
    mq.subscribe({ prefix }, i === 3 ? { onGap: "oldest" } : {})
  );
  await turns();
  await store(host, "p.1", "one");
  await store(host, "q", "of another topic");
  for (const stream of streams) await take(stream, 1);
  disconnect(bridge);
  await store(host, "p.2", "lost");
  clock.advance(RETENTION);
  await trim(host.queue.store);
  await store(host, "p.1", "two");
  await store(host, "q", "more of another topic");
  await letReconnect(bridge, mq, host);
  assertEquals(await take(streams[1]!, 1), ["p.1 two"]);
  assertEquals(await take(streams[2]!, 1), ["q more of another topic"]);
  assertEquals(await take(streams[3]!, 1), ["p.1 two"]);
  const error = await streams[0]!.next().then(() => undefined, (error) => error);
  assert(error instanceof DsmqError);
  const { code, prefix, topic, after, floor, last } = error;
  assertEquals([code, prefix, topic], ["trimmed", "p.", undefined]);
  assertEquals([after, floor, last], [1, 3, 5]);
  assertEquals(await nextBody(streams[0]!), "(is done)");
  await closeAll(mq, host);
});

Deno.test("a wrong prefix is refused in one sentence, before anything is sent", async () => {
  await using server = await openServer({ limits: { topicBytes: 10 } });
  await using mq = await connect(server.url);
  const cases: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [[], TypeError, "a topic is a string, or { prefix }, got an array"],
    [() => "p", TypeError, "a topic is a string, or { prefix }, got a function"],
    [new Date(0), TypeError, "a topic is a string, or { prefix }, got"],
    [{}, TypeError, "a prefix is a string, got nothing"],
    [{ prefix: undefined }, TypeError, "a prefix is a string, got nothing"],
    [{ prefix: 5 }, TypeError, "a prefix is a string, got a number"],
    [{ prefix: ["p"] }, TypeError, "a prefix is a string, got an array"],
    [{ topic: "t" }, TypeError, 'there is no option "topic" (there are: prefix)'],
    [{ topic: "t", prefix: "p" }, TypeError, 'there is no option "topic" (there are: prefix)'],
    [{ prefix: "p", since: "start" }, TypeError, 'there is no option "since"'],
    [{ prefix: "p\n" }, RangeError, "a prefix has no control characters"],
    [{ prefix: "\ud800" }, RangeError, "a prefix has no lone surrogates"],
    [{ prefix: "x".repeat(11) }, RangeError, "the prefix is 11 bytes, the limit is 10"],
    [null, TypeError, "a topic is a string, got null"],
    [5, TypeError, "a topic is a string, got a number"],
  ];
  for (const [value, ErrorClass, reason] of cases) {
    assertThrows(() => mq.subscribe(as(value)), ErrorClass, `Cannot subscribe: ${reason}`);
  }
  // Nothing is lost beside it.
  const stream = mq.subscribe({ prefix: "" });
  await mq.put("t", "m");
  assertEquals(await take(stream, 1), ["t m"]);
});
