/**
 * A server on a file, and the workers of a group, that are killed again and again: each job must be done, by one worker at a time, in the
 * order of its key, and count once.
 *
 * ```sh
 * deno run -A tests/faults/job_kills.ts [KILLS] [JOBS] [WORKERS] [SEED] [disk|process]
 * ```
 *
 * @module
 */

import { connect, type Connection } from "../../mod.ts";
import { type Random, seeded } from "../../testing/seeded.ts";
import { Program } from "../support/program.ts";
import { argumentsOrExit } from "./arguments.ts";
import { JobLedger } from "./job_ledger.ts";
import { WorkerProcess } from "./job_worker.ts";
import { type Finding, report } from "./report.ts";
import { sleep, until } from "./sleep.ts";

/** The options of a run. */
export interface JobKillsOptions {
  readonly kills: number;
  readonly jobs: number;
  readonly workers: number;
  readonly seed?: number;
  readonly durability?: string;
}

const TOPIC = "jobs";

/** How long a lease lasts, in milliseconds, and how many jobs a worker holds. */
const [LEASE, CONCURRENCY] = [1500, 16];

/** How long it may take until something goes on, in milliseconds. */
const WAIT_TIMEOUT = 60_000;

/**
 * Starts servers on one file and one port, one after another, and workers, and kills them.
 *
 * @param options how many
 * @returns what was found
 */
export async function jobKills(options: JobKillsOptions): Promise<Finding[]> {
  const { kills, jobs, workers: count, seed = 1, durability = "process" } = options;
  const random = seeded(seed);
  const dir = await Deno.makeTempDir({ prefix: "dsmq-jobs-" });
  const ledger = new JobLedger();
  const workers: WorkerProcess[] = [];
  let [server, port] = await serverOn(`${dir}/queue.db`, 0, durability);
  try {
    const url = `ws://127.0.0.1:${port}`;
    await using mq = await connect(url, {
      reconnect: { minDelay: 1, maxDelay: 20 },
      timeout: WAIT_TIMEOUT,
    });
    const seqs: number[] = [];
    // Half of them wait when the first worker comes.
    await putJobs(mq, jobs / 2, random, seqs);
    const start = () => {
      const terms = { lease: LEASE, concurrency: CONCURRENCY, duration: 0 };
      return new WorkerProcess({ url, topic: TOPIC, ...terms }, ledger);
    };
    for (let i = 0; i < count; i++) workers.push(start());
    let standstills = 0;
    for (let killed = 0; killed < kills; killed++) {
      const goal = Math.min(ledger.done + jobs / (2 * kills), seqs.length - 1);
      if (!await until(() => ledger.done >= goal, WAIT_TIMEOUT, 5)) standstills++;
      await sleep(random(50));
      const putting = putJobs(mq, jobs / (2 * kills), random, seqs);
      const i = random(count);
      await workers[i]![Symbol.asyncDispose]();
      workers[i] = start();
      server.child.kill("SIGKILL");
      await server.end();
      [server] = await serverOn(`${dir}/queue.db`, port, durability);
      await putting;
    }
    const state = async () => (await mq.groups(TOPIC))[0]!;
    const isOver = async () => {
      const { depth, held } = await state();
      return depth === 0 && held === 0;
    };
    if (!await until(isOver, 3 * WAIT_TIMEOUT)) standstills++;
    const { done, dead, retried } = await state();
    for (const worker of workers) await worker[Symbol.asyncDispose]();
    return [
      { what: "servers killed, and as many workers", seen: kills, good: true },
      { what: "jobs", seen: seqs.length, good: seqs.length >= jobs },
      ...ledger.findings(seqs),
      { what: "outcomes that count", seen: done, good: done === seqs.length },
      { what: "dead jobs", seen: dead, good: dead === 0 },
      { what: "leases that ended", seen: retried, good: true },
      { what: "jobs that were begun again", seen: ledger.repeats, good: ledger.repeats <= retried },
      { what: "standstills", seen: standstills, good: standstills === 0 },
    ];
  } finally {
    for (const worker of workers) await worker[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await Deno.remove(dir, { recursive: true });
  }
}

/** Puts jobs, two of three with a key. */
async function putJobs(
  mq: Connection,
  count: number,
  random: Random,
  seqs: number[],
): Promise<void> {
  for (let left = Math.ceil(count); left > 0; left -= 1000) {
    const puts = Array.from({ length: Math.min(left, 1000) }, () => {
      const key = random(3) === 0 ? {} : { key: `k${random(500)}` };
      return mq.put(TOPIC, "job", key);
    });
    seqs.push(...await Promise.all(puts));
  }
}

async function serverOn(
  file: string,
  port: number,
  durability: string,
): Promise<[server: Program, port: number]> {
  const server = new Program([
    ...["-A", "cli.ts", "serve", "--store", `sqlite:${file}`, "--port", `${port}`, "--json"],
    ...["--durability", durability, "--retention", "1h"],
  ]);
  const line = await server.line();
  if (line === undefined) throw new Error((await server.end()).stderr);
  return [server, JSON.parse(line).port];
}

if (import.meta.main) {
  const { KILLS: kills, JOBS: jobs, WORKERS: workers, SEED: seed, DURABILITY: durability } =
    argumentsOrExit({
      KILLS: 100,
      JOBS: 100_000,
      WORKERS: 8,
      SEED: 1,
      DURABILITY: ["process", "disk"],
    });
  report(
    `Servers and workers killed, --durability ${durability}`,
    await jobKills({ kills, jobs, workers, seed, durability }),
  );
}
