/**
 * The reasons of dead jobs take a bounded part of memory, and of a file.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { DeadState, DeathReasons } from "../../../stores/groups/death_reasons.ts";
import type { DeadJob } from "../../../stores/groups/group_commands.ts";
import { claim, finish, open, stateOf, T } from "../../../testing/store/group_support.ts";
import { append, put } from "../../../testing/store/support.ts";
import { FailingFile } from "../../support/failing_file.ts";

Deno.test("the reasons of those that died first are forgotten once there are too many, and each is told of", () => {
  const reasons = new DeathReasons(100);
  const jobs = Array.from({ length: 12 }, (_, i) => new DeadState(i, 1, i, "x".repeat(10)));
  const forgotten: number[] = [];
  const add = (job: DeadState) => reasons.add(job, ({ seq }) => void forgotten.push(seq));
  for (const job of jobs.slice(0, 10)) add(job);
  assertEquals(forgotten, []);
  // Those that are not dead any more do not count; nor do those without a reason.
  reasons.remove(jobs[0]!);
  add(new DeadState(99, 1, 99, ""));
  add(jobs[10]!);
  assertEquals(forgotten, []);
  add(jobs[11]!);
  assertEquals(forgotten, [1, 2]);
  assertEquals(jobs.slice(0, 4).map(({ reason }) => reason.length), [10, 0, 0, 10]);
});

Deno.test("jobs whose reasons are forgotten stay dead, also in a file that is opened again", async () => {
  await using file = new FailingFile(undefined, { durability: "process" });
  const count = 36;
  await append(file.store, Array.from({ length: count }, () => put("t")));
  await open(file.store, "a");
  const jobs = await claim(file.store, "a", count);
  // Longer than a server would have them.
  const reason = "x".repeat(1_000_000);
  await finish(file.store, [], jobs.map((job) => ({ claim: job.claim, outcome: "dead", reason })));
  const last = jobs.at(-1)!.message.seq;
  const reasons = async () => {
    const page = (after: number): Promise<readonly DeadJob[]> =>
      file.store.deadJobs({ name: T, after, count: 1, bytes: 1 });
    const [first, newest] = [await page(0), await page(last - 1)];
    return [...first, ...newest].map((dead) => dead.reason.length);
  };
  const stored = () => {
    const [row] = file.db.prepare("SELECT sum(length(reason)) AS n FROM group_jobs").all();
    return (row as { n: number }).n;
  };
  assertEquals(await reasons(), [0, reason.length]);
  const before = stored();
  assert(before <= 32 * 2 ** 20 + 2 * count, `${before} characters are stored`);
  await file.restart();
  assertEquals([await reasons(), stored()], [[0, reason.length], before]);
  assertEquals((await stateOf(file.store)).dead, count);
});
