import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Engine } from "../../stores/engine.ts";
import { loadEngine } from "../../stores/engines/load_engine.ts";
import { dbSqlite } from "../../stores/engines/db_sqlite.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { Command, CommandBatch, Result, Store, StoreError } from "../../stores/store.ts";
import { type Opening, testStore } from "../../testing/store/contract.ts";
import { watchEngine } from "../contracts/failing_engine.ts";
import { append, put, read, RETENTION, trim } from "../../testing/store/support.ts";
import { DelayedStore } from "../support/delayed_store.ts";
import { Database as FakeDatabase } from "../support/fake_db_sqlite.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { listed, open } from "../support/memory_stores.ts";

const overFake = dbSqlite({ Database: FakeDatabase });
const native = await loadEngine("@db/sqlite").catch((error: Error) => error);
const noNative = native instanceof Error ? native.message : undefined;

/** The files of the stores, by their place. They are removed with the process. */
const files = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(files, { recursive: true }));

function openFile(engine: Engine, { location, ...options }: Opening): Promise<Store> {
  const path = `${files}/${location}.db`;
  return Promise.resolve(new FileStore({ ...options, engine, path, durability: "process" }));
}

testStore("node:sqlite", (options) => {
  return Promise.resolve(new MemoryStore({ ...options, engine: nodeSqlite }));
});
testStore(
  "@db/sqlite",
  async (options) => new MemoryStore({ ...options, engine: await loadEngine("@db/sqlite") }),
  { ignore: noNative },
);
testStore("a file", (options) => openFile(nodeSqlite, options), { restarts: true });
testStore(
  "a file on @db/sqlite",
  async (options) => openFile(await loadEngine("@db/sqlite"), options),
  { ignore: noNative, restarts: true },
);
testStore("a file on the adapter for @db/sqlite", (options) => openFile(overFake, options), {
  restarts: true,
});

/** Its messages are in the database before anyone reads them. */
class Moving extends MemoryStore {
  override async apply<C extends Command>(
    batch: CommandBatch<C>,
  ): Promise<readonly (Result<C> | StoreError)[]> {
    const results = await super.apply(batch);
    await listed(this);
    return results;
  }
}

testStore("node:sqlite, without a tail", (options) => {
  return Promise.resolve(new Moving({ ...options, engine: nodeSqlite }));
});
testStore("the adapter for @db/sqlite", (options) => {
  return Promise.resolve(new MemoryStore({ ...options, engine: overFake }));
});
for (const seed of [1, 2]) {
  testStore(
    `a delayed store, seed ${seed}`,
    (options) => {
      const store = new MemoryStore({ ...options, engine: nodeSqlite });
      return Promise.resolve(new DelayedStore(store, { seed }));
    },
  );
}

Deno.test("a message lasts as long as the store's retention", async () => {
  const clock = new ManualClock();
  await using store = open(nodeSqlite, clock, 50);
  const messages = await append(store, [put("t")]);
  clock.advance(49);
  assertEquals((await read(store, { topic: "t" })).messages, messages);
  clock.advance(1);
  assertEquals((await read(store, { topic: "t" })).messages, []);
});

for (const engine of [nodeSqlite, overFake]) {
  Deno.test(`${engine.name}: purging 50,000 messages takes several steps`, async () => {
    const clock = new ManualClock();
    const { failing, executed } = watchEngine(engine);
    await using store = open(failing, clock);
    await append(store, Array.from({ length: 50_000 }, (_, i) => put(`t${i % 9}`)));
    clock.advance(RETENTION);
    await store.bounds();
    executed.length = 0;
    let steps = 1;
    while (await trim(store, 1)) steps++;
    assert(steps > 1, `${steps} steps`);
    // Also within a step: a purge that has time for more than one slice deletes more than one.
    const slices = executed.filter((sql) => sql.startsWith("DELETE FROM runs")).length;
    assert(slices >= steps - 1, `${slices} slices in ${steps} steps`);
  });
}

Deno.test("a store in memory names its engine and says that its messages are in memory", async () => {
  await using store = open(nodeSqlite);
  assertStringIncludes(store.description, "node:sqlite");
  assertEquals(store.durability, "memory");
});
