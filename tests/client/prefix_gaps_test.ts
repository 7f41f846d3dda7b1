/**
 * Subscriptions to prefixes over breaks: what was gone when they began is never told, what went since always, and once.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { MessageStream, Since } from "@dsmq/server";
import type { Clock } from "../../queue/clock.ts";
import type { Store } from "../../stores/store.ts";
import { inMemory, settled, store, type TestServer, testServer, turns } from "../support/bridge.ts";
import {
  closeAll,
  connectedPair,
  disconnect,
  letReconnect,
  reconnectTo,
} from "../support/connected_pair.ts";
import { QueueFile } from "../support/queue_file.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

const RETENTION = 60_000;

/** A server, whose file has been open for a while. */
async function serverOf(kept: Store, clock: ManualClock): Promise<TestServer> {
  clock.advance(1);
  return await testServer(kept, clock);
}

async function purge(host: TestServer, topic: string): Promise<void> {
  await host.queue.apply([{ type: "purge", topic, max: 100 }]);
}

/** What a stream brings until nothing more comes: bodies, and gaps in brackets. */
function record(stream: MessageStream, told: string[]): () => Promise<string[]> {
  const reading = (async () => {
    for await (const { body } of stream) told.push(body);
  })();
  reading.catch(({ code }) => told.push(`ended by ${code}`));
  return async () => {
    await turns(30);
    return told.splice(0);
  };
}

/** Where a subscription begins that is told nothing of what was gone by then. */
const BEGINNINGS: Readonly<Record<string, Since | undefined>> = {
  "the start": "start",
  "a Date": new Date(0),
  "so long ago": { ago: 50_000 },
  "the connection's start": undefined,
};

const STORES: Readonly<Record<string, (file: QueueFile, clock: Clock) => Store>> = {
  "in memory": (_, clock) => inMemory(clock as ManualClock, RETENTION),
  "in a file": (file, clock) => file.open(clock, RETENTION),
};

for (const [kind, make] of Object.entries(STORES)) {
  for (const [name, since] of Object.entries(BEGINNINGS)) {
    Deno.test(`a subscription to a prefix from ${name} is told over breaks of what went since it began, and of nothing else (${kind})`, async () => {
      await using file = new QueueFile();
      const clock = new ManualClock();
      let host = await serverOf(make(file, clock), clock);
      const { bridge, mq } = await connectedPair(host);
      for (const topic of ["p.a", "p.b", "p.c"]) await store(host, topic, topic);
      await purge(host, "p.c");
      const told: string[] = [];
      const onGap = ({ code }: { code: string }) => (told.push(`(${code})`), "oldest" as const);
      const read = record(mq.subscribe({ prefix: "p." }, { onGap, ...(since && { since }) }), told);
      assertEquals(await read(), ["p.a", "p.b"]);
      await reconnectTo(bridge, mq);
      assertEquals(await read(), [], "nothing went");
      disconnect(bridge);
      await store(host, "p.d", "lost");
      await store(host, "p.e", "kept");
      await purge(host, "p.d");
      await letReconnect(bridge, mq, host);
      assertEquals(await read(), ["(trimmed)", "kept"]);
      await reconnectTo(bridge, mq);
      assertEquals(await read(), [], "it was told");
      // By retention, several topics at different times: one gap, behind what is left before it.
      disconnect(bridge);
      await store(host, "p.f", "expires");
      clock.advance(RETENTION / 2);
      await store(host, "p.g", "stays");
      await store(host, "p.h", "purged");
      await store(host, "p.i", "stays, too");
      clock.advance(RETENTION / 2);
      await purge(host, "p.h");
      await letReconnect(bridge, mq, host);
      assertEquals(await read(), ["stays", "(trimmed)", "stays, too"]);
      if (kind === "in a file") {
        disconnect(bridge);
        await store(host, "p.j", "purged by the next process");
        await host[Symbol.asyncDispose]();
        host = await serverOf(make(file, clock), clock);
        await letReconnect(bridge, mq, host);
        assertEquals(await read(), ["purged by the next process"]);
        disconnect(bridge);
        await store(host, "p.j", "lost");
        await purge(host, "p.j");
        await store(host, "p.k", "after");
        await letReconnect(bridge, mq, host);
        assertEquals(await read(), ["(trimmed)", "after"]);
      }
      await closeAll(mq, host);
    });
  }
}

Deno.test("after a restored copy a subscription to a prefix is told of what is lost, though the clock was set back", async () => {
  await using file = new QueueFile();
  const clock = new ManualClock();
  let host = await serverOf(file.open(clock, RETENTION), clock);
  const { bridge, mq } = await connectedPair(host);
  for (const topic of ["p.a", "p.b", "p.c", "p.d"]) await store(host, topic, topic);
  await purge(host, "p.d");
  file.copy("before");
  clock.advance(30_000);
  const told: string[] = [];
  const onGap = ({ code }: { code: string }) => (told.push(`(${code})`), "oldest" as const);
  const stream = mq.subscribe({ prefix: "p." }, { since: "start", onGap });
  assertEquals((await settled(stream.next()) as { value: { body: string } }).value.body, "p.a");
  disconnect(bridge);
  await host[Symbol.asyncDispose]();
  file.bringBack("before");
  const earlier = new ManualClock();
  host = await serverOf(file.open(earlier, RETENTION), earlier);
  await store(host, "p.e", "lost");
  await purge(host, "p.e");
  await letReconnect(bridge, mq, host);
  const read = record(stream, told);
  assertEquals(await read(), ["p.b", "p.c", "(trimmed)"]);
  await closeAll(mq, host);
});

Deno.test("a gap that is the answer to a subscription that comes back passes over what was gone when it began", async () => {
  const clock = new ManualClock();
  const host = await serverOf(inMemory(clock, RETENTION), clock);
  const { bridge, mq } = await connectedPair(host);
  for (const topic of ["p.a", "p.b", "p.c", "p.d"]) await store(host, topic, topic);
  await purge(host, "p.d");
  bridge.holds = (frame) => frame.includes('"p.b"');
  const told: string[] = [];
  const onGap = ({ code }: { code: string }) => (told.push(`(${code})`), "oldest" as const);
  const read = record(mq.subscribe({ prefix: "p." }, { since: "start", onGap }), told);
  await read();
  disconnect(bridge);
  bridge.release();
  for (const topic of ["p.a", "p.b", "p.c"]) await purge(host, topic);
  await letReconnect(bridge, mq, host);
  await store(host, "p.e", "later");
  assertEquals(await read(), ["(trimmed)", "later"]);
  await closeAll(mq, host);
});
