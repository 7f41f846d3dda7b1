/**
 * What is left of a group that is deleted goes in parts, and the group is gone at once.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { nodeSqlite } from "../../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../../stores/memory_store.ts";
import type { ClaimedJobs } from "../../../stores/groups/group_commands.ts";
import type { PurgeResult, Store } from "../../../stores/store.ts";
import {
  claim,
  command,
  finish,
  open,
  refusal,
  stateOf,
  T,
} from "../../../testing/store/group_support.ts";
import { append, apply, put, RETENTION } from "../../../testing/store/support.ts";
import { ManualClock } from "../../../testing/manual_clock.ts";
import { FailingFile } from "../../support/failing_file.ts";

const COUNT = 5000;

async function rest(store: Store): Promise<number> {
  let parts = 0;
  for (; await store.trim(1000); parts++) await apply(store, []);
  return parts;
}

/** A group with jobs that are held, dead, and waiting; some of their messages have expired. Returns claims that somebody holds. */
async function fill(store: Store, clock: { advance(ms: number): unknown }): Promise<number[]> {
  await append(store, Array.from({ length: COUNT }, () => put("t")));
  await open(store, "a", { lease: 3_600_000 });
  const jobs = [...await claim(store, "a", COUNT - 1000)];
  const dead = jobs.splice(0, 1000);
  const outcome = { outcome: "dead", reason: "no" } as const;
  await finish(store, [], dead.map((job) => ({ claim: job.claim, ...outcome })));
  clock.advance(RETENTION);
  for (let i = 0; i < 10; i++) await apply(store, []);
  await rest(store);
  return jobs.map((job) => job.claim);
}

function rowsOf(file: FailingFile): Record<string, number> {
  const tables = ["groups", "group_jobs", "group_holders", "expired_jobs"];
  return Object.fromEntries(tables.map((table) => {
    const [row] = file.db.prepare(`SELECT count(*) AS n FROM ${table}`).all();
    return [table, (row as { n: number }).n];
  }));
}

Deno.test("what a deleted group leaves in a file goes in parts, also if the file is opened again meanwhile", async () => {
  for (const restarts of [false, true]) {
    await using file = new FailingFile(undefined, { durability: "process" });
    const claims = await fill(file.store, file.clock);
    assertEquals(rowsOf(file), {
      groups: 1,
      group_jobs: COUNT - 1000,
      group_holders: 1,
      expired_jobs: COUNT,
    });
    assertEquals(await command(file.store, { type: "delete_group", name: T }), { deleted: true });
    assertEquals(await file.store.groups({ count: 10 }), []);
    assertEquals(
      await refusal(file.store, { type: "extend", name: T, claims: [] }),
      "not_found",
    );
    assert(rowsOf(file).expired_jobs! > 1000, "it takes several parts");
    if (restarts) await file.restart();
    await open(file.store, "a");
    assertEquals((await finish(file.store, claims)).lost, claims);
    await append(file.store, [put("t", "new")]);
    assertEquals((await claim(file.store, "a")).length, 1);
    await apply(file.store, []);
    assert(await rest(file.store) > 2);
    // The new group has one job.
    assertEquals(rowsOf(file), { groups: 1, group_jobs: 1, group_holders: 1, expired_jobs: 0 });
    await file.restart();
    assertEquals((await finish(file.store, claims)).lost, claims);
    assertEquals((await stateOf(file.store)).held, 1);
  }
});

Deno.test("what is claimed and finished in the commit of a deletion is known after the file is opened again", async () => {
  await using file = new FailingFile(undefined, { durability: "process" });
  const [first, second, ...others] = await fill(file.store, file.clock);
  const holders = [{ holder: "a", count: 1 }];
  const results = await apply(file.store, [
    { type: "claim", name: T, holders, bytes: 1000 },
    { type: "finish", name: T, done: [first!, second!], outcomes: [] },
    { type: "delete_group", name: T },
  ]);
  const claimed = (results[0] as ClaimedJobs).jobs[0]!.map((job) => job.claim);
  assertEquals(claimed.length, 1);
  await file.restart();
  await open(file.store, "a");
  const lost = [...others, ...claimed];
  assertEquals((await finish(file.store, [first!, second!, ...lost])).lost, lost);
});

Deno.test("a deletion that fails is undone, and one whose parts fail goes on later", async () => {
  await using file = new FailingFile(undefined, { durability: "process" });
  const claims = await fill(file.store, file.clock);
  file.before = (sql) => sql === "COMMIT";
  assertEquals(await refusal(file.store, { type: "delete_group", name: T }), "unavailable");
  file.repair();
  assertEquals((await stateOf(file.store)).held, claims.length);
  assertEquals(await command(file.store, { type: "delete_group", name: T }), { deleted: true });
  file.before = (sql) => sql === "COMMIT";
  for (let i = 0; i < 3; i++) {
    await apply(file.store, []);
    assert(!await file.store.trim(1000).catch(() => false), "nobody tries at once again");
  }
  file.repair();
  await append(file.store, [put("t")]);
  await rest(file.store);
  assertEquals(rowsOf(file), { groups: 0, group_jobs: 0, group_holders: 0, expired_jobs: 0 });
});

Deno.test("in memory, what a deleted or abandoned group has kept is free for others after some parts", async () => {
  for (const isAbandoned of [false, true]) {
    const clock = new ManualClock();
    const size = 104;
    const limits = { groupBytes: COUNT * size, groupRetention: 3_600_000 };
    await using store = new MemoryStore({
      engine: nodeSqlite,
      retention: RETENTION,
      clock,
      limits,
    });
    await command(store, { type: "create_group", name: T });
    await append(store, Array.from({ length: COUNT }, () => put("t", "1")));
    clock.advance(RETENTION);
    for (let i = 0; i < 10; i++) await apply(store, []);
    await rest(store);
    if (isAbandoned) {
      while ((await store.groups({ count: 1 })).length > 0) {
        clock.advance(60_000);
        await apply(store, []);
      }
    } else await command(store, { type: "delete_group", name: T });
    assertEquals(await store.groups({ count: 10 }), []);
    const parts = await rest(store);
    assert(parts > 2, `${parts} parts, ${isAbandoned}`);
    // Otherwise these would be given up.
    const name = { topic: "u", group: "other" };
    await command(store, { type: "create_group", name });
    await append(store, Array.from({ length: COUNT }, () => put("u", "1")));
    await open(store, "w", { name });
    clock.advance(RETENTION);
    for (let i = 0; i < 10; i++) await apply(store, []);
    const { depth, givenUp } = await stateOf(store, name);
    assertEquals([depth, givenUp], [COUNT, 0]);
  }
});

Deno.test("a purge also removes what a deleted group has kept of the topic, though it was the only group", async () => {
  await using file = new FailingFile(undefined, { durability: "process" });
  await fill(file.store, file.clock);
  await command(file.store, { type: "delete_group", name: T });
  const before = rowsOf(file).expired_jobs!;
  let parts = 0;
  for (let more = true; more; parts++) {
    const [result] = await apply(file.store, [{ type: "purge", topic: "t", max: COUNT }]);
    ({ more } = result as PurgeResult);
  }
  assertEquals(rowsOf(file).expired_jobs, 0, `of ${before}, in ${parts} parts`);
});

Deno.test("nothing of a deleted group is written behind its end, such as a reason that is forgotten then", async () => {
  await using file = new FailingFile(undefined, { durability: "process" });
  const { store } = file;
  const reason = "x".repeat(17 * 1024 * 1024);
  await append(store, [...Array.from({ length: 3000 }, () => put("t")), put("u")]);
  await open(store, "a");
  const jobs = await claim(store, "a", 3000);
  const last = jobs.at(-1)!.claim;
  const dead = (claim: number, why: string) => ({ claim, outcome: "dead", reason: why }) as const;
  await finish(store, [], jobs.map((job) => dead(job.claim, job.claim === last ? reason : "")));
  const other = { topic: "u", group: "other" };
  await open(store, "b", { name: other });
  const [job] = await claim(store, "b", 1, other);
  await command(store, { type: "delete_group", name: T });
  // In one commit: the reason of a dead job is forgotten, and all is removed.
  await Promise.all([
    finish(store, [], [dead(job!.claim, reason)], other),
    ...Array.from({ length: 10 }, () => apply(store, [])),
  ]);
  const { groups, group_jobs } = rowsOf(file);
  assertEquals([groups, group_jobs], [1, 1]);
});
