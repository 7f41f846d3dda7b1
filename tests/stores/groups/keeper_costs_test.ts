/**
 * How much work it is to keep jobs beyond the retention, in statements, rows and text: the same on each machine.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { nodeSqlite } from "../../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../../stores/memory_store.ts";
import { claim, command, finish, open, stateOf } from "../../../testing/store/group_support.ts";
import { append, apply, put, puts, RETENTION } from "../../../testing/store/support.ts";
import { ManualClock } from "../../../testing/manual_clock.ts";
import { CountingEngine } from "../../support/counting_engine.ts";
import { FailingFile } from "../../support/failing_file.ts";

function openStore(): { engine: CountingEngine; clock: ManualClock; store: MemoryStore } {
  const [engine, clock] = [new CountingEngine(), new ManualClock()];
  return { engine, clock, store: new MemoryStore({ engine, clock, retention: RETENTION }) };
}

Deno.test("who claims one of many large jobs that have expired does not read the others", async () => {
  const { engine, clock, store } = openStore();
  await using _ = store;
  await open(store, "a");
  await append(store, Array.from({ length: 100 }, () => put("t", "x".repeat(10_000))));
  clock.advance(RETENTION);
  for (let i = 0; i < 10; i++) await apply(store, []);
  const before = engine.read;
  const holders = [{ holder: "a", count: 100 }];
  const name = { topic: "t", group: "default" };
  const { jobs: [jobs] } = await command(store, { type: "claim", name, holders, bytes: 20_100 });
  assertEquals(jobs!.length, 2);
  assert(engine.read - before < 50_000, `${engine.read - before} characters are read`);
});

Deno.test("a group that has done all but one job that is dead reads nothing of what expires", async () => {
  const { engine, clock, store } = openStore();
  await using _ = store;
  await open(store, "a", { lease: 3_600_000 });
  await append(store, puts("t", "dead"));
  const [dead] = await claim(store, "a");
  await finish(store, [], [{ claim: dead!.claim, outcome: "dead" }]);
  let read = 0;
  for (let i = 0; i < 200; i++) {
    clock.advance(RETENTION / 50);
    const before = engine.read;
    await append(store, puts("t", "x".repeat(1000), "x".repeat(1000)));
    if (i > 100) read += engine.read - before;
    await finish(store, await claim(store, "a"));
    // What is in its buffer is read without the engine.
    await store.trim(50);
  }
  assert(read < 20_000, `${read} characters are read`);
  assertEquals((await stateOf(store)).dead, 1);
});

Deno.test("groups of many topics with a message each do not hold up what expires", async () => {
  await using file = new FailingFile(nodeSqlite, { durability: "process" });
  const { store, clock } = file;
  for (let i = 0; i < 200; i++) {
    const name = { topic: `t${i}`, group: "g" };
    await apply(store, [{ type: "create_group", name }, put(`t${i}`)]);
  }
  clock.advance(RETENTION);
  for (let i = 0; i < 10; i++) await apply(store, []);
  await store.trim(10_000);
  const [left] = file.db.prepare("SELECT count(*) AS n FROM runs").all();
  assertEquals(Object(left).n, 0);
});
