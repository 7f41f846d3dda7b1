/**
 * How much a store holds, beside what it answers.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { SqliteStore } from "../../stores/sqlite_store.ts";
import type { StoreUsage } from "../../stores/store_usage.ts";
import { storedSize } from "../../stores/store_limits.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { seeded } from "../../testing/seeded.ts";
import { apply, put } from "../../testing/store/support.ts";
import { FileFolder, watchedEngine } from "../support/file_folder.ts";

const RETENTION = 10_000;

/** The same by reading everything. */
async function counted(store: SqliteStore): Promise<StoreUsage> {
  const [page] = await store.read([{ prefix: "", after: 0, count: 1e6, bytes: 1e9 }]);
  const { messages } = page!;
  return {
    messages: messages.length,
    bytes: messages.reduce((sum, message) => sum + storedSize(message), 0),
    topics: new Set(messages.map(({ topic }) => topic)).size,
  };
}

for (const kind of ["memory", "file"]) {
  Deno.test(`what a store holds is known, whatever was put, purged, dropped or has expired (${kind})`, async () => {
    using folder = new FileFolder();
    const clock = new ManualClock();
    const limits = { storedBytes: 40_000, overflow: "drop-oldest" as const };
    const common = { engine: nodeSqlite, retention: RETENTION, clock, limits };
    const open = (): SqliteStore =>
      kind === "memory"
        ? new MemoryStore(common)
        : new FileStore({ ...common, path: folder.path, durability: "process" });
    let store = open();
    const below = seeded(18);
    let most = 0;
    for (let round = 0; round < 300; round++) {
      const topic = () => `topic ${below(30)}`;
      const size = () => below(200);
      await apply(store, Array.from({ length: below(20) }, () => put(topic(), "m".repeat(size()))));
      if (round % 9 === 0) await apply(store, [{ type: "purge", topic: topic(), max: 1000 }]);
      if (round % 7 === 0) clock.advance(below(RETENTION / 2));
      if (kind === "file" && round % 50 === 0) {
        await store[Symbol.asyncDispose]();
        store = open();
      }
      // Only what has expired may count for a while.
      await apply(store, []);
      while (await store.trim(50));
      const usage = await store.usage();
      const exact = await counted(store);
      const more = usage.messages - exact.messages;
      assertEquals(usage, { ...exact, messages: usage.messages });
      assert(more >= 0 && more < 64, `${more} messages more than there are`);
      const topics = await store.topics({ prefix: "", after: "", count: 100 });
      const sum = (one: "messages" | "bytes") => topics.reduce((sum, info) => sum + info[one], 0);
      assertEquals([sum("messages"), sum("bytes")], [exact.messages, exact.bytes], "the topics");
      most = Math.max(most, usage.bytes);
    }
    assert(most > 35_000, `${most} bytes are near the limit`);
    await store[Symbol.asyncDispose]();
  });
}

Deno.test("to ask how much there is moves nothing into the database", async () => {
  const statements: string[] = [];
  const engine = watchedEngine((sql) => void statements.push(sql));
  await using store = new MemoryStore({ engine, retention: RETENTION, clock: new ManualClock() });
  await apply(store, [put("a"), put("b"), put("a")]);
  const before = statements.length;
  const { messages, topics } = await store.usage();
  assertEquals([messages, topics, statements.length], [3, 2, before]);
});
