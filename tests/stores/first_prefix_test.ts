/**
 * What reads prefixes is loaded by the first reader. This file has a process of its own, so here is the first one.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { systemClock } from "../../queue/clock.ts";

async function openStore(...topics: string[]): Promise<MemoryStore> {
  const store = new MemoryStore({ engine: nodeSqlite, retention: 60_000, clock: systemClock });
  const puts = topics.map((topic) => ({ type: "put" as const, topic, body: '"m"', bytes: 3 }));
  await store.apply({ time: systemClock.now(), commands: puts });
  return store;
}

Deno.test("the first readers of prefixes come at once, and one of them closes its store", async () => {
  await using one = await openStore("a.1", "b.1", "a.2");
  await using other = await openStore("a.3");
  const closing = await openStore("a.4");
  const query = { prefix: "a.", after: 0, count: 10, bytes: 1000 };
  const reads = [one.read([query]), one.read([query]), other.read([query])];
  const bounds = one.topicBounds([{ prefix: "a." }]);
  const closed = assertRejects(() => closing.read([query]), Error, "the store is closed");
  await closing[Symbol.asyncDispose]();
  const topicsOf = (await Promise.all(reads)).map(([page]) =>
    page!.messages.map(({ topic }) => topic)
  );
  assertEquals(topicsOf, [["a.1", "a.2"], ["a.1", "a.2"], ["a.3"]]);
  assertEquals((await bounds)[0]!.last, 3);
  await closed;
});
