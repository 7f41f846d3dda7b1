/**
 * Jobs a second, from the put to the acknowledged job, compared with Redis, JetStream and BullMQ.
 *
 * @module
 */

import { type Bench, rounds, type Scenario } from "../bench.ts";
import { BullQueue } from "../baselines/bull_queue.ts";
import { JetStreamQueue } from "../baselines/jet_stream_queue.ts";
import { startNats } from "../baselines/nats.ts";
import { startRedis } from "../baselines/redis.ts";
import { RedisGroup } from "../baselines/redis_group.ts";
import { DsmqJobs } from "../jobs/dsmq_jobs.ts";
import { type JobQueue, measureJobs, type Workforce } from "../jobs/job_queue.ts";
import type { Processes, Running } from "../processes.ts";
import { pairedRow, type Row } from "../row.ts";

/** How many jobs a full round has. */
const JOBS = 200_000;

interface Servers {
  readonly dsmq: Running;
  readonly redis: Running;
  readonly nats: Running;
}

/** Other software, and how many times as fast we are to be. */
interface Peer {
  readonly name: string;
  readonly goal: number;
  /** The fraction of the jobs that it does in a round. */
  readonly part: number;
  open(servers: Servers, workforce: Workforce): Promise<JobQueue>;
}

function redis(goal: number): readonly Peer[] {
  const peer = (name: string, acknowledging: "each" | "together"): Peer => ({
    ...{ name: `Redis XADD, XREADGROUP, ${name}`, goal, part: 1 },
    open: ({ redis }, workforce) => RedisGroup.open(redis, workforce, acknowledging),
  });
  return [
    peer("an XACK for each job", "each"),
    peer("one XACK for all that were read", "together"),
  ];
}

const JET_STREAM: Peer = {
  ...{ name: "JetStream work queue in memory, pull consumer, acks", goal: 5, part: 1 / 5 },
  open: ({ nats }, { held }) => JetStreamQueue.open(nats, held),
};

const BULL: Peer = {
  ...{ name: "BullMQ on Redis", goal: 10, part: 1 / 20 },
  open: ({ redis }, { held }) => BullQueue.open(redis, held),
};

/** What is measured: the workers, how many puts are in flight, and beside whom. */
interface Setting {
  readonly name: string;
  readonly workforce: Workforce;
  readonly window: number;
  readonly peers: readonly Peer[];
}

/** One worker, as many jobs held as puts are in flight. */
export const jobs: Scenario = jobScenario("jobs", [
  {
    name: "64 held",
    workforce: { workers: 1, held: 64 },
    window: 64,
    peers: [...redis(1.5), JET_STREAM, BULL],
  },
  {
    name: "1024 held",
    workforce: { workers: 1, held: 1024 },
    window: 1024,
    peers: [...redis(1.5), JET_STREAM],
  },
]);

/** Many workers, each with a connection of its own. */
export const workers: Scenario = jobScenario("workers", [{
  name: "16 workers, each with 64 held",
  workforce: { workers: 16, held: 64 },
  window: 1024,
  peers: redis(1.2),
}]);

function jobScenario(name: string, settings: readonly Setting[]): Scenario {
  return {
    ...{ name, steps: settings.length, needsPeers: true },
    async run(bench) {
      const servers = await startServers(bench.processes);
      const rows: Row[] = [];
      for (const setting of settings) rows.push(...await measure(bench, servers, setting));
      return rows;
    },
  };
}

async function startServers(processes: Processes): Promise<Servers> {
  return {
    dsmq: await processes.startDsmq(),
    redis: await startRedis(processes),
    nats: await startNats(processes),
  };
}

async function measure(
  bench: Bench,
  servers: Servers,
  { name, workforce, window, peers }: Setting,
): Promise<Row[]> {
  const work = `jobs put, worked and acknowledged, ${name}`;
  const count = Math.ceil(JOBS * bench.scale);
  await using queues = new AsyncDisposableStack();
  const turn = (queue: JobQueue, part: number) => {
    queues.use(queue);
    return () => measureJobs(queue, Math.ceil(count * part), window);
  };
  const turns = { dsmq: turn(await DsmqJobs.open(servers.dsmq, workforce), 1) };
  const theirs: Record<string, () => Promise<number>> = {};
  for (const { name, part, open } of peers) {
    theirs[name] = turn(await open(servers, workforce), part);
  }
  const found: Record<string, number[]> = await rounds(bench, work, { ...turns, ...theirs });
  return peers.map(({ name, goal }) =>
    pairedRow(
      { work, against: name, unit: "jobs a second", goal: { atLeast: goal } },
      found.dsmq!,
      found[name]!,
    )
  );
}
