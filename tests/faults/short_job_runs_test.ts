/**
 * Short runs of the programs of `tests/faults/` about groups of workers.
 *
 * @module
 */

import { jobCuts } from "./job_cuts.ts";
import { jobKills } from "./job_kills.ts";
import { abandonedGroup, bytesArePassed, retentionPasses } from "./kept_jobs.ts";
import { poisonJob } from "./poison_job.ts";
import { allGood } from "./report.ts";
import { endlessHandler, stoppedServer, stoppedWorker } from "./stopped_workers.ts";

Deno.test("killed servers and workers forget no job, and no job has two valid claims or counts twice", async () => {
  allGood(await jobKills({ kills: 3, jobs: 2000, workers: 2 }));
});

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`${transport}: workers whose connections are cut at random bytes do each job once, unless a lease ends`, async () => {
    allGood(await jobCuts({ cuts: 40, seed: 5, transport }));
  });
}

Deno.test("a job whose handler never ends goes to another after its time", async () => {
  allGood(await endlessHandler());
});

Deno.test("a worker that was stopped past its lease hears that its job is lost, and counts for nothing", async () => {
  allGood(await stoppedWorker());
});

Deno.test("a server that was stopped past all leases takes no job away when it is woken", async () => {
  allGood(await stoppedServer(3000));
});

Deno.test("a job that kills its worker each time dies after its attempts, the others flow, and redrive brings it back for its group alone", async () => {
  allGood(await poisonJob({ jobs: 200, attempts: 3 }));
});

Deno.test("ten thousand jobs outlive the retention, and are worked in their order", async () => {
  allGood(await retentionPasses(10_000));
});

Deno.test("past the bytes for groups the oldest jobs are given up, counted and logged", async () => {
  allGood(await bytesArePassed(4000));
});

Deno.test("a group on a busy topic on which nobody works holds up no put, and is deleted in the end", async () => {
  allGood(await abandonedGroup(4000));
});
