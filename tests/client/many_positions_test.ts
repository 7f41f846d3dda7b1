/**
 * A client with as many positions as it keeps: it reads no topic whose position would have no room, and what it forgets is
 * told as a gap.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Connection } from "../../client.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { inMemory, settled, store, type TestServer, testServer, turns } from "../support/bridge.ts";
import {
  closeAll,
  disconnect,
  letReconnect,
  nextBody,
  passTime,
  reconnectTo,
} from "../support/connected_pair.ts";
import { pairWithPositions } from "../support/few_positions.ts";
import { QueueFile } from "../support/queue_file.ts";

const RETENTION = 60_000;

/** The text of a message, or the code of an error. */
type Read = (mq: Connection, topic: string) => Promise<string | undefined>;

const READS: readonly [string, Read][] = [
  ["get", (mq, topic) => mq.get(topic)],
  ["getLatest", (mq, topic) => mq.getLatest(topic)],
  ["getWait", (mq, topic) => mq.getWait(topic, { timeout: 1 })],
  ["read", async (mq, topic) => (await mq.read(topic))?.body],
  ["read the latest", async (mq, topic) => (await mq.read(topic, { latest: true }))?.body],
];

const FULL = "error limit_exceeded";

for (const [name, read] of READS) {
  for (const isFile of [false, true]) {
    Deno.test(`reads at the last free place deliver nothing twice: ${name}, ${isFile ? "file" : "memory"}`, async () => {
      await using file = new QueueFile();
      const host = await testServer(isFile ? file.open() : inMemory());
      const { bridge, mq } = await pairWithPositions(host, 2);
      for (const topic of ["a", "b", "c"]) await store(host, topic, topic);
      const readAll = async () =>
        await Promise.all(["a", "b", "c"].map((topic) => settled(read(mq, topic))));
      assertEquals(await readAll(), ["a", "b", FULL]);
      await reconnectTo(bridge, mq);
      const nothing = name.startsWith("read") ? undefined : "";
      assertEquals(await readAll(), [nothing, nothing, FULL]);
      await closeAll(mq, host);
    });
  }

  Deno.test(`reads at the last free place whose answers were lost keep it over a break: ${name}`, async () => {
    const host = await testServer(inMemory());
    const { bridge, mq } = await pairWithPositions(host, 2);
    for (const topic of ["a", "b", "c"]) await store(host, topic, topic);
    bridge.passes = () => false;
    const reads = ["a", "b", "c"].map((topic) => settled(read(mq, topic)));
    await turns(3);
    bridge.passes = () => true;
    await reconnectTo(bridge, mq);
    assertEquals(await Promise.all(reads), ["a", "b", FULL]);
    await reconnectTo(bridge, mq);
    assertEquals(await settled(read(mq, "c")), FULL);
    await closeAll(mq, host);
  });
}

Deno.test("a read that is cancelled before it is sent gives its place back", async () => {
  const host = await testServer(inMemory());
  const { bridge, mq } = await pairWithPositions(host, 1);
  for (const topic of ["a", "b"]) await store(host, topic, topic);
  disconnect(bridge);
  await turns(3);
  const cancel = new AbortController();
  const cancelled = settled(mq.read("a", { signal: cancel.signal }));
  assertEquals(await settled(mq.get("b")), FULL);
  cancel.abort();
  await cancelled;
  const read = mq.get("b");
  await letReconnect(bridge, mq, host);
  assertEquals(await settled(read), "b");
  await closeAll(mq, host);
});

Deno.test("a read that the server refuses gives its place back", async () => {
  const host = await testServer(inMemory(), undefined, { cursors: 1 });
  const { mq } = await pairWithPositions(host, 2);
  await store(host, "a", "a");
  assertEquals(await settled(mq.get("a")), "a");
  for (const topic of ["b", "c", "d"]) {
    const reason = await mq.get(topic).catch(({ message }) => message);
    assertEquals(
      reason,
      "Cannot read topic: 1 topics were read on this connection, the limit is 1",
    );
  }
  await closeAll(mq, host);
});

/** A client that has read a and b, which then expire, and perhaps c, so that it forgets a. */
async function expired(host: TestServer, clock: ManualClock, mq: Connection, forgets: boolean) {
  for (const topic of ["a", "b"]) {
    await store(host, topic, "1");
    assertEquals(await settled(mq.get(topic)), "1");
  }
  await passTime(clock, RETENTION + 10_000);
  await store(host, "c", "1");
  await passTime(clock, 10_000);
  if (forgets) assertEquals(await settled(mq.get("c")), "1");
}

type Gaps = string[];

/** Reads a topic until there is a message, and notes the gaps before it. */
const UNTIL_MESSAGE: [string, (mq: Connection, topic: string, gaps: Gaps) => Promise<string>][] = [
  ["subscribe", async (mq, topic, gaps) => {
    const stream = mq.subscribe(topic, { onGap: ({ code }) => (gaps.push(code), "oldest") });
    const body = await nextBody(stream);
    await stream.return!();
    return body;
  }],
];
for (const [name, read] of READS) {
  UNTIL_MESSAGE.push([name, async (mq, topic, gaps) => {
    for (;;) {
      const got = await settled(read(mq, topic));
      if (!got?.startsWith("error ")) return String(got);
      gaps.push(got.slice("error ".length));
    }
  }]);
}

for (const [name, read] of UNTIL_MESSAGE) {
  for (const isFile of [false, true]) {
    for (const forgets of [false, true]) {
      const what = forgets ? "is forgotten" : "is kept";
      Deno.test(`what expires during a break is told of a topic whose position ${what}: ${name}, ${isFile ? "file" : "memory"}`, async () => {
        await using file = new QueueFile();
        const clock = new ManualClock();
        const queue = isFile ? file.open(clock, RETENTION) : inMemory(clock, RETENTION);
        const host = await testServer(queue, clock);
        const { bridge, mq } = await pairWithPositions(host, 2);
        await expired(host, clock, mq, forgets);
        disconnect(bridge);
        await store(host, "a", "2");
        clock.advance(RETENTION + 1);
        await store(host, "a", "3");
        await letReconnect(bridge, mq, host);
        const gaps: Gaps = [];
        assertEquals(await read(mq, "a", gaps), "3");
        assertEquals(gaps, [forgets ? "epoch_changed" : "trimmed"]);
        await closeAll(mq, host);
      });
    }
  }
}

Deno.test("what a break has taken from a topic is told, though its position is forgotten after the break", async () => {
  const clock = new ManualClock();
  const host = await testServer(inMemory(clock, RETENTION), clock);
  const { bridge, mq } = await pairWithPositions(host, 2);
  await expired(host, clock, mq, false);
  disconnect(bridge);
  await store(host, "a", "2");
  clock.advance(RETENTION + 1);
  await store(host, "a", "3");
  await letReconnect(bridge, mq, host);
  await store(host, "d", "1");
  assertEquals(await settled(mq.get("d")), "error epoch_changed");
  assertEquals(await settled(mq.get("d")), "1");
  assertEquals(await settled(mq.get("a")), "error epoch_changed");
  assertEquals(await settled(mq.get("a")), "3");
  await closeAll(mq, host);
});

Deno.test("at another store a lost history is still told after positions are forgotten there, and back at the first one", async () => {
  const clock = new ManualClock();
  const one = await testServer(inMemory(clock, RETENTION), clock);
  const other = await testServer(inMemory(clock, RETENTION), clock);
  const { bridge, mq } = await pairWithPositions(one, 2);
  const twice = async (topic: string) => [
    await settled(mq.get(topic)),
    await settled(mq.get(topic)),
  ];
  await store(one, "x", "of one");
  assertEquals(await twice("x"), ["of one", ""]);
  await reconnectTo(bridge, mq, other);
  for (const topic of ["a", "b"]) {
    await store(other, topic, "1");
    assertEquals(await twice(topic), ["error epoch_changed", "1"]);
  }
  await passTime(clock, RETENTION + 10_000);
  await store(other, "c", "1");
  await passTime(clock, 10_000);
  assertEquals(await twice("c"), ["error epoch_changed", "1"]);
  await store(other, "x", "of the other");
  await reconnectTo(bridge, mq, other);
  assertEquals(await twice("x"), ["error epoch_changed", "of the other"]);
  await store(one, "never read", "2");
  await store(one, "x", "2");
  await reconnectTo(bridge, mq, one);
  assertEquals(await twice("x"), ["2", ""]);
  assertEquals(await twice("never read"), ["error epoch_changed", "2"]);
  await closeAll(mq, one, other);
});

Deno.test("a connection that began at a number still tells what is gone after that once positions are forgotten", async () => {
  const clock = new ManualClock();
  const host = await testServer(inMemory(clock, RETENTION), clock);
  await store(host, "never read", "1");
  const { bridge, mq } = await pairWithPositions(host, 2, { since: 0 });
  await expired(host, clock, mq, true);
  await store(host, "never read", "2");
  await reconnectTo(bridge, mq);
  assertEquals(await settled(mq.get("never read")), "error epoch_changed");
  assertEquals(await settled(mq.get("never read")), "2");
  await closeAll(mq, host);
});
