/**
 * However many take the jobs of a group, no step of it is about all of them.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { StoreError } from "../../stores/store.ts";
import { turns } from "../support/bridge.ts";
import { FakeJobs, FakeTaker } from "../support/fake_jobs.ts";

Deno.test("a job costs no more with ten thousand who wait for it than with a hundred", async () => {
  const named = async (waiting: number) => {
    const jobs = new FakeJobs();
    const takers = Array.from({ length: waiting }, (_, i) => new FakeTaker(`${i}`, 1));
    jobs.join(...takers);
    await turns(1);
    jobs.applied.length = 0;
    jobs.put(1);
    await turns(1);
    assertEquals(takers[0]!.seqs, [1]);
    return jobs.claims.map(({ holders }) => holders.length);
  };
  assertEquals(await named(10_000), await named(100));
});

Deno.test("ten thousand who wait get one job each of ten thousand, by claims of bounded size", async () => {
  const jobs = new FakeJobs();
  const takers = Array.from({ length: 10_000 }, (_, i) => new FakeTaker(`${i}`, 2));
  jobs.join(...takers);
  await turns(1);
  jobs.applied.length = 0;
  jobs.put(10_000);
  while (takers.at(-1)!.taken.length === 0) await turns(1);
  assert(takers.every(({ taken }) => taken.length > 0));
  for (const { holders } of jobs.claims) {
    assert(holders.reduce((sum, { count }) => sum + count, 0) <= 1024);
    assert(holders.length <= 64);
  }
});

Deno.test("if the group is not there any more, all who work on it end, in slices", async () => {
  const jobs = new FakeJobs();
  const takers = Array.from({ length: 1000 }, (_, i) => new FakeTaker(`${i}`, 1));
  const group = jobs.join(...takers);
  await turns(1);
  jobs.failure = new StoreError("there is no such group", { code: "not_found" });
  jobs.applied.length = 0;
  jobs.put(1);
  await turns(1);
  assertEquals(jobs.claims.length, 1, "nothing is claimed for those who are to end");
  while (group.size > 0) await turns(1);
  const codes = takers.map(({ endedWith }) => (endedWith as { code: string }).code);
  assertEquals(new Set(codes), new Set(["not_found"]));
  assertEquals([jobs.listeners.size, jobs.groups.size], [0, 0]);
});
