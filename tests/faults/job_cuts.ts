/**
 * Workers whose connections are cut at random bytes, and lose answers: each job must be done, by one worker at a time, in the order of its
 * key, and count once; and what is begun again has lost its lease before.
 *
 * ```sh
 * deno run -A tests/faults/job_cuts.ts [CUTS] [SEED] [builtin|hardened]
 * ```
 *
 * @module
 */

import { connect, type Job, serve, type TopicWorker } from "../../mod.ts";
import type { TransportChoice } from "../../server.ts";
import { seeded } from "../../testing/seeded.ts";
import { freePort } from "../support/free_port.ts";
import { argumentsOrExit } from "./arguments.ts";
import { cutFaults } from "./cuts.ts";
import { JobLedger } from "./job_ledger.ts";
import { FaultyProxy } from "./proxy.ts";
import { type Finding, report } from "./report.ts";
import { until } from "./sleep.ts";

/** The options of a run. */
export interface JobCutsOptions {
  /** The least number of cuts. */
  readonly cuts: number;
  /** Two runs with the same seed have the same faults. */
  readonly seed: number;
  readonly transport?: TransportChoice;
}

const TOPIC = "jobs";
const WORKERS = 4;

/** How long leases last, in milliseconds: those of every other worker are so short that some end. */
const LEASES = [1000, 30_000];

/** How often the network is away for longer than the shorter leases. */
const OUTAGES = 3;

/** How many jobs wait at most. */
const MAX_DEPTH = 400;

/**
 * Runs a server, workers behind a proxy that cuts connections, and somebody who puts jobs.
 *
 * @param options how many cuts
 * @returns what was found
 */
export async function jobCuts(
  { cuts, seed, transport = "builtin" }: JobCutsOptions,
): Promise<Finding[]> {
  const random = seeded(seed);
  await using server = await serve({ port: 0, transport });
  let healthy = false;
  await using proxy = new FaultyProxy(server.port, () => healthy ? {} : cutFaults(random));
  const ledger = new JobLedger();
  const handle = async ({ seq, claim, attempt, key, signal }: Job) => {
    ledger.begin({ seq, claim, attempt, key, begun: Date.now() });
    signal.addEventListener("abort", () => ledger.end(claim, Date.now(), false));
    if (random(3) === 0) await new Promise((resolve) => setTimeout(resolve, random(10)));
    ledger.end(claim, Date.now(), !signal.aborted);
  };
  const reconnect = { minDelay: 1, maxDelay: 10 };
  const options = { reconnect, heartbeatInterval: 200, timeout: 60_000 };
  const connections = await Promise.all(
    Array.from({ length: WORKERS }, () => connect(proxy.url, options)),
  );
  const ended: string[] = [];
  const workers = connections.map((mq, i): TopicWorker => {
    const lease = LEASES[i % LEASES.length]!;
    const worker = mq.work(TOPIC, handle, { lease, concurrency: 8, attempts: 100 });
    worker.closed.catch((error) => ended.push(String(error)));
    return worker;
  });
  await using putter = await connect(server.url);
  const seqs: number[] = [];
  const state = async () => (await putter.groups(TOPIC))[0];
  let outages = 0;
  while (proxy.cuts < cuts && ended.length === 0) {
    if (proxy.cuts > cuts * (outages + 0.5) / OUTAGES) {
      // Nobody gets through until a lease has ended.
      outages++;
      const before = (await state())?.retried ?? 0;
      proxy.target = freePort();
      proxy.cut();
      await until(async () => ((await state())?.retried ?? 0) > before, 5000);
      proxy.target = server.port;
    }
    const puts = Array.from({ length: 1 + random(60) }, () => {
      const key = random(3) === 0 ? {} : { key: `k${random(40)}` };
      return putter.put(TOPIC, "job", key);
    });
    seqs.push(...await Promise.all(puts));
    await until(async () => ((await state())?.depth ?? 0) < MAX_DEPTH, 60_000, 1);
  }
  healthy = true;
  const isOver = async () => {
    const { depth, held } = (await state())!;
    return depth === 0 && held === 0;
  };
  const isDone = await until(isOver, 120_000, 10);
  const { done, dead, retried } = (await state())!;
  const lost = workers.reduce((sum, { stats }) => sum + stats.lost, 0);
  await Promise.all(workers.map((worker) => worker.stop()));
  await Promise.all(connections.map((mq) => mq.close()));
  return [
    { what: "connections cut", seen: proxy.cuts, good: proxy.cuts >= cuts },
    { what: "jobs", seen: seqs.length, good: seqs.length > 0 },
    { what: "workers that ended", seen: ended[0] ?? 0, good: ended.length === 0 },
    { what: "all is finished", seen: isDone ? "yes" : "no", good: isDone },
    ...ledger.findings(seqs),
    { what: "outcomes that count", seen: done, good: done === seqs.length },
    { what: "dead jobs", seen: dead, good: dead === 0 },
    { what: "leases that ended", seen: retried, good: retried >= outages },
    { what: "jobs that were begun again", seen: ledger.repeats, good: ledger.repeats <= retried },
    { what: "jobs that workers have lost", seen: lost, good: lost <= retried },
  ];
}

if (import.meta.main) {
  const forms = { CUTS: 500, SEED: 1, TRANSPORT: ["builtin", "hardened"] } as const;
  const { CUTS: cuts, SEED: seed, TRANSPORT: transport } = argumentsOrExit(forms);
  report(
    `Connections of workers cut, transport ${transport}`,
    await jobCuts({ cuts, seed, transport }),
  );
}
