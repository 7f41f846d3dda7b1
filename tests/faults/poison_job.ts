/**
 * A job that kills its worker each time: it must die after its attempts, others must go on, and who redrives it must have it back for its
 * own group alone.
 *
 * ```sh
 * deno run -A tests/faults/poison_job.ts [JOBS] [ATTEMPTS]
 * ```
 *
 * @module
 */

import { connect, type Connection, serve } from "../../mod.ts";
import { argumentsOrExit } from "./arguments.ts";
import { JobLedger } from "./job_ledger.ts";
import { WorkerProcess } from "./job_worker.ts";
import { type Finding, report } from "./report.ts";
import { until } from "./sleep.ts";

/** The options of a run. */
export interface PoisonOptions {
  /** How many other jobs there are. */
  readonly jobs: number;
  readonly attempts: number;
}

const TOPIC = "jobs";
const POISON = "poison";

/** How long leases last, and how long anything may take, in milliseconds. */
const [LEASE, WAIT_TIMEOUT] = [1000, 60_000];

/**
 * Has workers die of one job.
 *
 * @param options how many other jobs there are, and how often it is tried
 * @returns what was found
 */
export async function poisonJob({ jobs, attempts }: PoisonOptions): Promise<Finding[]> {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  const poison = await mq.put(TOPIC, POISON);
  const seqs = await mq.putMany(TOPIC, Array.from({ length: jobs }, (_, i) => `job ${i}`));
  const others = await workAll(mq, jobs + 1);
  const ledger = new JobLedger([poison]);
  const options = { url: server.url, topic: TOPIC, lease: LEASE, attempts, duration: 0 };
  const state = async () => (await mq.groups(TOPIC)).find(({ group }) => group === "default");
  const doomed = new Set<WorkerProcess>();
  let killed = 0;
  // While one of them has it, the other does other jobs.
  const die = async () => {
    while (killed < attempts) {
      const worker = new WorkerProcess({ ...options, poison: POISON }, ledger);
      doomed.add(worker);
      await worker.ended;
      doomed.delete(worker);
      await worker[Symbol.asyncDispose]();
      if (killed < attempts) killed++;
    }
  };
  const dying = [die(), die()];
  try {
    const hasDied = await until(async () => (await state())?.dead === 1, WAIT_TIMEOUT);
    const deaths = killed;
    const [dead] = await Array.fromAsync(mq.deadJobs(TOPIC));
    const before = [...ledger.runs].filter(({ done, over }) => done && over! < (dead?.at ?? 0));
    const areDone = await until(async () => (await state())!.done === jobs, WAIT_TIMEOUT);
    // From now on nobody dies of it.
    killed = attempts;
    for (const worker of doomed) worker.signal("SIGKILL");
    await Promise.all(dying);
    await using healthy = new WorkerProcess(options, ledger);
    const redriven = await mq.redrive(TOPIC);
    const isWorked = await until(async () => (await state())!.done === jobs + 1, WAIT_TIMEOUT);
    await healthy[Symbol.asyncDispose]();
    const again = others.filter((seq) => seq === poison).length;
    return [
      { what: "workers that died of it", seen: deaths, good: deaths === attempts },
      { what: "the dead job", seen: dead?.seq ?? 0, good: hasDied && dead?.seq === poison },
      { what: "its attempts", seen: dead?.attempt ?? 0, good: dead?.attempt === attempts },
      { what: "why", seen: dead?.reason ?? "", good: dead?.reason.includes("lease") === true },
      { what: "others that were done meanwhile", seen: before.length, good: before.length > 0 },
      { what: "all others are done", seen: `${areDone}`, good: areDone },
      ...ledger.findings(seqs),
      { what: "redriven", seen: redriven, good: redriven === 1 },
      { what: "and done by one that does not die", seen: `${isWorked}`, good: isWorked },
      { what: "times that another group had it", seen: again, good: again === 1 },
    ];
  } finally {
    killed = attempts;
    for (const worker of doomed) await worker[Symbol.asyncDispose]();
  }
}

/** Another group does all jobs at once. Returns the numbers of those that it gets, also later. */
async function workAll(mq: Connection, count: number): Promise<number[]> {
  const seen: number[] = [];
  mq.work(TOPIC, ({ seq }) => void seen.push(seq), { group: "other", concurrency: 16 });
  await until(() => seen.length === count, WAIT_TIMEOUT, 5);
  return seen;
}

if (import.meta.main) {
  const { JOBS: jobs, ATTEMPTS: attempts } = argumentsOrExit({ JOBS: 1000, ATTEMPTS: 5 });
  report("A job that kills its workers", await poisonJob({ jobs, attempts }));
}
