import { assertEquals, assertRejects } from "@std/assert";
import { JobCount } from "../../bench/jobs/job_count.ts";
import { handleJob, type JobQueue, measureJobs } from "../../bench/jobs/job_queue.ts";
import { MESSAGE } from "../../bench/client_calls.ts";
import { DsmqJobs } from "../../bench/jobs/dsmq_jobs.ts";
import { connect, serve } from "@dsmq/server";

Deno.test("jobs are measured until the last one is acknowledged, with a window of puts in flight", async () => {
  const jobs = new JobCount();
  const acknowledged: (() => void)[] = [];
  let [inFlight, most, put] = [0, 0, 0];
  const queue: JobQueue = {
    async put() {
      most = Math.max(most, ++inFlight);
      await Promise.resolve();
      inFlight--;
      put++;
      acknowledged.push(() => jobs.add(1));
    },
    worked: (count) => jobs.next(count),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  let isMeasured = false;
  const measured = measureJobs(queue, 10, 4).finally(() => isMeasured = true);
  while (put < 10) await new Promise((resolve) => setTimeout(resolve));
  for (const acknowledge of acknowledged.splice(1)) acknowledge();
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals([most, isMeasured], [4, false]);
  acknowledged[0]!();
  assertEquals(Number.isFinite(await measured), true);
});

Deno.test("a job that comes twice, or that nobody has put, is a failure", async () => {
  const jobs = new JobCount();
  const first = jobs.next(2);
  jobs.add(2);
  await first;
  jobs.add(1);
  await assertRejects(() => jobs.next(1), Error, "a job was worked that nobody waits for");
  await assertRejects(() => handleJob("other"), Error, "a job of 5 bytes came that nobody has put");
  await handleJob(MESSAGE);
});

Deno.test("who waits for jobs is told that a worker has failed", async () => {
  const jobs = new JobCount();
  const waiting = jobs.next(1);
  jobs.fail(new Error("the connection is closed"));
  await assertRejects(() => waiting, Error, "the connection is closed");
  await assertRejects(() => jobs.next(1), Error, "the connection is closed");
});

Deno.test("jobs of dsmq are measured until its server has them all as done, however many workers there are", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  for (const workforce of [{ workers: 1, held: 64 }, { workers: 3, held: 4 }]) {
    await using queue = await DsmqJobs.open({ port: server.port, pid: 0 }, workforce);
    for (const total of [300, 600]) {
      await measureJobs(queue, 300, 64);
      const [group] = await mq.groups(`jobs-${workforce.workers}-${workforce.held}`);
      assertEquals([group!.done, group!.held, group!.depth], [total, 0, 0]);
    }
  }
});
