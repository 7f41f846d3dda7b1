/**
 * A worker that has other jobs can wait until it has finished more.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { turns } from "../support/bridge.ts";
import { FakeJobs, FakeTaker } from "../support/fake_jobs.ts";

Deno.test("what a worker finishes in one turn while it has other jobs is made up for by one claim", async () => {
  const jobs = new FakeJobs();
  const one = new FakeTaker("one", 4);
  jobs.join(one);
  jobs.put(9);
  await turns(1);
  jobs.applied.length = 0;
  await one.finish();
  await one.finish();
  await one.finish();
  assertEquals(jobs.claims, []);
  await turns(1);
  assertEquals(jobs.claims.map(({ holders }) => holders), [[{
    holder: "one",
    opening: undefined,
    count: 3,
  }]]);
  assertEquals(one.seqs, [1, 2, 3, 4, 5, 6, 7]);
});
