/**
 * What time does to the groups of a file is one transaction, however many jobs it concerns: with `disk` each is synced.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { DEAD_RETENTION } from "../../../stores/groups/due_work.ts";
import { claim, command, finish, open, stateOf, T } from "../../../testing/store/group_support.ts";
import { append, apply, put, RETENTION } from "../../../testing/store/support.ts";
import { FailingFile } from "../../support/failing_file.ts";

/** How many transactions, or statements outside of them, have changed the file since something was done. */
async function writesOf(file: FailingFile, act: () => Promise<unknown>): Promise<number> {
  const before = file.executed.length;
  await act();
  let [writes, isUnderWay] = [0, false];
  for (const sql of file.executed.slice(before)) {
    if (sql === "BEGIN") isUnderWay = true;
    if (sql === "COMMIT") isUnderWay = false;
    if (sql === "COMMIT" || (!isUnderWay && /^(INSERT|DELETE|UPDATE)/.test(sql))) writes++;
  }
  return writes;
}

const MANY = Array.from({ length: 100 }, () => put("t", "x".repeat(100)));

Deno.test("jobs that outlive the retention are moved in one transaction, and those for which there is no room given up in it", async () => {
  await using file = new FailingFile(undefined, { limits: { groupBytes: 5000 } });
  const { store, clock } = file;
  await command(store, { type: "create_group", name: T });
  await append(store, MANY);
  clock.advance(RETENTION);
  assertEquals(await writesOf(file, () => apply(store, [])), 1);
  const { givenUp, depth } = await stateOf(store);
  assertEquals([givenUp > 50, givenUp + depth], [true, MANY.length]);
});

Deno.test("dead jobs are forgotten in one transaction", async () => {
  await using file = new FailingFile();
  const { store, clock } = file;
  await open(store, "a");
  await append(store, MANY);
  const jobs = await claim(store, "a");
  const outcomes = jobs.map(({ claim }) => ({ claim, outcome: "dead" as const }));
  await finish(store, [], outcomes);
  clock.advance(RETENTION);
  await apply(store, []);
  clock.advance(DEAD_RETENTION - RETENTION - 1);
  await apply(store, []);
  assertEquals((await stateOf(store)).dead, MANY.length);
  clock.advance(5000);
  assertEquals(await writesOf(file, () => apply(store, [])), 1);
  assertEquals((await stateOf(store)).dead, 0);
});
