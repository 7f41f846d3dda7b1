/**
 * A store that fails for a while: the log tells it once, and not at each attempt.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { Queue } from "../../queue/queue.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { turns } from "../support/bridge.ts";

/** A store whose purges and feed fail for a while. */
class FailingStore extends MemoryStore {
  isFailing = false;
  trims = 0;

  override trim(budgetMs: number): Promise<boolean> {
    this.trims++;
    return this.isFailing ? Promise.reject(new Error("it fails")) : super.trim(budgetMs);
  }

  override follow(...args: Parameters<MemoryStore["follow"]>) {
    return this.isFailing ? Promise.reject(new Error("it fails")) : super.follow(...args);
  }

  /** All followers lose the feed. */
  loseFeed(): void {
    this.feed.fail(new Error("it is lost"));
  }
}

/** The same as one over a log, of which it may be cut off. */
class FailingReplica extends FailingStore {
  fence(): Promise<void> {
    return Promise.resolve();
  }

  findFault(): string | undefined {
    return this.isFailing ? "the log is empty" : undefined;
  }
}

/** The events of a queue whose store fails for a minute, is well again, and fails once more; and how often it was purged meanwhile. */
async function eventsOf(Store: typeof FailingStore) {
  const clock = new ManualClock();
  const events: string[] = [];
  const log = { write: ({ event }: { event: string }) => void events.push(event) };
  const store = new Store({ engine: nodeSqlite, retention: 600_000, clock });
  await using queue = await Queue.open(store, clock, log as never);
  await queue.apply([{ type: "put", topic: "t", body: '"x"', bytes: 3 }]);
  const pass = async (seconds: number) => {
    for (let i = 0; i < seconds * 10; i++) {
      clock.advance(100);
      await turns(1);
    }
  };
  let trims = 0;
  for (let i = 0; i < 2; i++) {
    const before = store.trims;
    store.isFailing = true;
    store.loseFeed();
    await pass(60);
    trims += store.trims - before;
    store.isFailing = false;
    await pass(3);
  }
  return { events: events.sort(), trims };
}

Deno.test("a feed that cannot be followed, and purges that fail, are told once each time", async () => {
  const { events } = await eventsOf(FailingStore);
  assertEquals(events, [
    ...["store_feed_lost", "store_feed_lost"],
    ...["store_purge_failed", "store_purge_failed"],
  ]);
});

Deno.test("a server that is behind its log purges nothing until it has caught up", async () => {
  const { events, trims } = await eventsOf(FailingReplica);
  assertEquals([events, trims], [["store_feed_lost", "store_feed_lost"], 0]);
});
