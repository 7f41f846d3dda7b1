/**
 * Very much that is due for groups at one time happens in parts, between which others have their turn.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { nodeSqlite } from "../../../stores/engines/node_sqlite.ts";
import { DEAD_RETENTION } from "../../../stores/groups/due_work.ts";
import type { ClaimedJob, StoredGroup } from "../../../stores/groups/group_commands.ts";
import { MemoryStore } from "../../../stores/memory_store.ts";
import type { Store } from "../../../stores/store.ts";
import {
  claim,
  claimAll,
  extend,
  finish,
  LEASE,
  open,
  pass,
  stateOf,
  workPut,
} from "../../../testing/store/group_support.ts";
import { append, apply, put, RETENTION } from "../../../testing/store/support.ts";
import { ManualClock } from "../../../testing/manual_clock.ts";
import { FailingFile } from "../../support/failing_file.ts";

/** A store that is tried. */
interface Tried extends AsyncDisposable {
  readonly store: Store;
  readonly clock: ManualClock;
}

/** The same in memory and in a file. */
function inEach(name: string, test: (tried: Tried) => Promise<void>): void {
  Deno.test(`in memory, ${name}`, async () => {
    const clock = new ManualClock();
    await using store = new MemoryStore({ engine: nodeSqlite, retention: RETENTION, clock });
    await test({ store, clock, [Symbol.asyncDispose]: () => Promise.resolve() });
  });
  Deno.test(`in a file, ${name}`, async () => {
    await using file = new FailingFile(undefined, { durability: "process" });
    await test(file);
  });
}

async function claimMany(store: Store, count: number): Promise<readonly ClaimedJob[]> {
  await append(store, Array.from({ length: count }, (_, i) => put("t", `${i}`)));
  await open(store, "a", { attempts: 2 });
  return await claim(store, "a", count);
}

/** Applies nothing, as a server does while there is more to do; returns what was counted after each time. */
async function finishParts(
  store: Store,
  count: (group: StoredGroup) => number,
): Promise<number[]> {
  const counts: number[] = [];
  while (await store.trim(1000)) {
    await apply(store, []);
    counts.push(count(await stateOf(store)));
  }
  return counts;
}

inEach(
  "the leases of thousands of jobs end in parts, and who is heard meanwhile keeps the rest",
  async (at) => {
    const { store, clock } = at;
    const jobs = await claimMany(store, 9000);
    await pass(store, clock, LEASE);
    const claims = jobs.map((job) => job.claim);
    const { lost, ended } = await extend(store, "a", claims);
    const { held } = await stateOf(store);
    assert(held > 0 && held < jobs.length, `${held} are held`);
    // The oldest are lost first.
    assertEquals([lost, ended], [claims.slice(0, jobs.length - held), false]);
    assertEquals(await finishParts(store, (group) => group.held), [held]);
    await pass(store, clock, LEASE);
    const parts = await finishParts(store, (group) => group.held);
    assert(parts.length > 1 && parts.at(-1) === 0, `${parts}`);
    assertEquals(await extend(store, "a", claims), { lost: claims, ended: true });
    await open(store, "b");
    const again = await claim(store, "b", 10_000);
    assertEquals(again.map(({ message }) => message.seq), jobs.map(({ message }) => message.seq));
  },
);

inEach(
  "a worker whose lease ends in parts does not get its own jobs again, unless it is heard",
  async ({ store, clock }) => {
    await claimMany(store, 9000);
    await pass(store, clock, LEASE);
    const { ready } = await stateOf(store);
    assert(ready > 0, "others may have them");
    const asking = [{ holder: "a", count: 10 }];
    assertEquals(await claimAll(store, asking), { jobs: [[]], more: true, ended: [0] });
    assertEquals((await extend(store, "a")).ended, false);
    const { jobs: [jobs], ended } = await claimAll(store, asking);
    assertEquals([jobs!.length, ended], [10, []]);
  },
);

inEach("thousands of dead jobs are forgotten in parts", async (at) => {
  const { store, clock } = at;
  const jobs = await claimMany(store, 2000);
  const outcomes = jobs.map((job) => ({ claim: job.claim, outcome: "dead" as const }));
  await finish(store, [], outcomes);
  clock.advance(DEAD_RETENTION);
  await apply(store, []);
  const { dead } = await stateOf(store);
  assert(dead > 0 && dead < jobs.length, `${dead} are dead`);
  const parts = await finishParts(store, (group) => group.dead);
  assert(parts.length > 1 && parts.at(-1) === 0, `${parts}`);
});

inEach("tens of thousands of delayed jobs come due in parts, each once", async (at) => {
  const { store, clock } = at;
  const count = 40_000;
  const late = workPut("t", "late", { delay: 5000 });
  await append(store, Array.from({ length: count }, () => late));
  await open(store, "a");
  while ((await stateOf(store)).delayed < count) await claim(store, "a", 1);
  clock.advance(5000);
  await apply(store, []);
  const { ready } = await stateOf(store);
  assert(ready > 0 && ready < count, `${ready} are ready`);
  await finishParts(store, (group) => group.ready);
  const jobs = await claim(store, "a", count);
  assertEquals(new Set(jobs.map(({ message }) => message.seq)).size, count);
});

Deno.test("a part that fails is done again, once the file works", async () => {
  await using file = new FailingFile(undefined, { durability: "process" });
  const { store, clock } = file;
  const jobs = await claimMany(store, 5000);
  await pass(store, clock, LEASE - 500);
  file.before = (sql) => sql === "COMMIT";
  await pass(store, clock, 500);
  assert(!await store.trim(1000).catch(() => false), "nobody tries at once again");
  file.repair();
  assertEquals((await stateOf(store)).held, jobs.length);
  await pass(store, clock, LEASE + 500);
  await finishParts(store, (group) => group.held);
  const { held, retried } = await stateOf(store);
  assertEquals([held, retried], [0, jobs.length]);
});
