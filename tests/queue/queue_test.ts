import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../queue/clock.ts";
import type { ServerContext } from "../../connection/server_context.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { StoreError } from "../../stores/store.ts";
import { apply, put } from "../../testing/store/support.ts";
import { countDeletes } from "../support/count_deletes.ts";
import { DelayedStore } from "../support/delayed_store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { MemoryPeer, openContext } from "../support/memory_peer.ts";
import { seeded } from "../../testing/seeded.ts";

/** A queue over a store that answers late and out of order, like one behind a network. */
async function openQueue(
  seed: number,
): Promise<{ host: ServerContext; store: DelayedStore } & AsyncDisposable> {
  const sqlite = new MemoryStore({ engine: nodeSqlite, retention: 600_000, clock: systemClock });
  const store = new DelayedStore(sqlite, { seed });
  const host = await openContext(store, systemClock);
  return { host, store, [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]() };
}

const TOTAL = 300;
const expected = Array.from({ length: TOTAL }, (_, i) => `message ${i}`);

/** Puts all messages, a few at a time, with messages of another topic between them. */
async function putAll(
  { host, store }: { host: ServerContext; store: DelayedStore },
  seed: number,
  losing: boolean,
) {
  const random = seeded(seed);
  const putter = new MemoryPeer(host);
  for (let i = 0; i < TOTAL;) {
    const count = Math.min(TOTAL - i, 1 + random(8));
    const puts = expected.slice(i, i + count).map((body) => ({
      action: "put",
      topic: "t",
      body,
    }));
    const others = random(2) === 0 ? [{ action: "put", topic: "other", body: "x" }] : [];
    await putter.requestAll([...others, ...puts]);
    if (losing && random(10) === 0) store.loseFeeds();
    i += count;
    // Slower than a reader reads: so that readers wait, and the feed wakes them.
    await new Promise((resolve) => setTimeout(resolve, random(10)));
  }
  putter.close();
}

for (const losing of [false, true]) {
  const feed = losing ? "sometimes loses its feed" : "answers late";
  for (const seed of [1, 2, 3, 4]) {
    Deno.test(`a store that ${feed}: waits and gets read each message once, in order (seed ${seed})`, async () => {
      await using at = await openQueue(seed);
      const reader = new MemoryPeer(at.host);
      const random = seeded(seed + 100);
      const putting = putAll(at, seed, losing);
      const got: string[] = [];
      while (got.length < TOTAL) {
        // A queue of waiters, and gets that find nothing while there are waiters.
        const waiting = Array.from(
          { length: Math.min(random(3), TOTAL - got.length) },
          () => reader.request({ action: "get_wait", topic: "t", timeout: 60_000 }),
        );
        const gets = Array.from({ length: random(3) }, () => ({ action: "get", topic: "t" }));
        const replies = [...await Promise.all(waiting), ...await reader.requestAll(gets)];
        got.push(...replies.filter(({ seq }) => seq !== undefined).map(({ body }) => body!));
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      await putting;
      assertEquals(got, expected);
      reader.close();
    });

    for (const filter of [{ topic: "t" }, { prefix: "t" }]) {
      Deno.test(`a store that ${feed}: a stream of a ${Object.keys(filter)} brings each message once, in order (seed ${seed})`, async () => {
        await using at = await openQueue(seed);
        const reader = new MemoryPeer(at.host);
        const random = seeded(seed + 200);
        const { id: sub } = await reader.request({
          action: "subscribe",
          ...filter,
          messages: 3,
          bytes: 200,
        });
        const putting = putAll(at, seed, losing);
        let [messages, bytes] = [3, 200];
        const got = () => reader.streamed.flatMap(({ bodies = [] }) => bodies);
        while (got().length < TOTAL) {
          // The connection answers within this turn; the store needs turns of its own.
          await new Promise((resolve) => setTimeout(resolve, 0));
          messages += random(6);
          bytes += random(100);
          await reader.request({ action: "credit", sub, messages, bytes });
          assert(got().length <= messages);
        }
        await putting;
        assertEquals(got(), expected);
        for (let i = 1; i < reader.streamed.length; i++) {
          assertEquals(reader.streamed[i]!.prev, reader.streamed[i - 1]!.seqs!.at(-1));
        }
        reader.close();
      });
    }
  }
}

Deno.test("a connection that closes in the middle of its requests leaves no listener or waiter in the queue", async () => {
  await using at = await openQueue(7);
  const closing = Array.from({ length: 20 }, () => {
    const peer = new MemoryPeer(at.host);
    void peer.request({ action: "subscribe", topic: "t", since: "start", messages: 9, bytes: 999 });
    void peer.request({
      action: "subscribe",
      prefix: "t",
      since: "start",
      messages: 9,
      bytes: 999,
    });
    void peer.request({ action: "get_wait", topic: "t", timeout: 60_000 });
    return peer;
  });
  const putter = new MemoryPeer(at.host);
  for (const peer of closing) {
    await putter.request({ action: "put", topic: "other", body: "a moment passes" });
    peer.close();
  }
  // All that was in progress when a connection closed has ended by now.
  await putter.request({ action: "get_latest", topic: "t" });
  assertEquals(at.host.queue.listenedTopics, 0);
  putter.close();
});

Deno.test("topics and prefixes that are listened to again and again are not forgotten each time, and count only meanwhile", async () => {
  await using at = await openQueue(8);
  const { queue } = at.host;
  const listener = { onMessages: () => {}, resync: () => {} };
  for (const filter of [{ topic: "t" }, { prefix: "t" }]) {
    const counts = new Set<number>();
    const deleted = countDeletes(() => {
      for (let i = 0; i < 1000; i++) {
        queue.listen(filter, listener);
        counts.add(queue.listenedTopics);
        queue.stopListening(filter, listener);
        counts.add(queue.listenedTopics);
      }
    });
    assertEquals([deleted, [...counts]], [0, [1, 0]]);
  }
});

Deno.test("a queue purges after the first put, and not before", async () => {
  const clock = new ManualClock();
  const sqlite = new MemoryStore({ engine: nodeSqlite, retention: 1000, clock });
  let purges = 0;
  const trim = sqlite.trim.bind(sqlite);
  sqlite.trim = (budget) => (purges++, trim(budget));
  await using host = await openContext(sqlite, clock);
  clock.advance(10_000);
  assertEquals(purges, 0);
  await new MemoryPeer(host).request({ action: "put", topic: "t", body: "m" });
  for (let i = 1; i <= 3; i++) {
    clock.advance(1000);
    assertEquals(purges, i);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
});

Deno.test("a store that was not empty is purged from the start", async () => {
  const clock = new ManualClock();
  const sqlite = new MemoryStore({ engine: nodeSqlite, retention: 1000, clock });
  await apply(sqlite, [put("t", "m")]);
  let purges = 0;
  sqlite.trim = () => Promise.resolve(purges++ > 0);
  await using _ = await openContext(sqlite, clock);
  clock.advance(1000);
  assertEquals(purges, 1);
});

Deno.test("when the store accepts nothing, each put of a frame fails, and a bad one for its own reason", async () => {
  const store = new MemoryStore({ engine: nodeSqlite, retention: 1000, clock: systemClock });
  await using host = await openContext(store, systemClock);
  store.apply = () => Promise.reject(new StoreError("the store is gone"));
  const put = { action: "put", topic: "t", body: "m" };
  const replies = await new MemoryPeer(host).requestAll([put, { ...put, topic: "" }, put]);
  assertEquals(replies.map(({ error }) => error?.code), [
    "unavailable",
    "bad_topic",
    "unavailable",
  ]);
});
