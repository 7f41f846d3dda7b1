/**
 * Jobs that outlive the retention, up to the bytes for groups; and a group on a busy topic on which nobody works.
 *
 * ```sh
 * deno run -A tests/faults/kept_jobs.ts [JOBS]
 * ```
 *
 * @module
 */

import { connect, type Connection, serve } from "../../mod.ts";
import type { ServeOptions, Server } from "../../server.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { argumentsOrExit } from "./arguments.ts";
import { type Finding, none, report } from "./report.ts";
import { until } from "./sleep.ts";

const TOPIC = "jobs";

/** How long messages are kept, and groups on which nobody works, in milliseconds. */
const [RETENTION, GROUP_RETENTION] = [60_000, 3_600_000];

/** How long anything may take, in milliseconds. */
const WAIT_TIMEOUT = 60_000;

/** How many bytes a body has, and about how many a message counts. */
const [BODY, SIZE] = [100, 220];

/** A server whose time passes on demand, and what it logs. */
class StillServer implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly log: string[] = [];
  server!: Server;
  mq!: Connection;

  static async start(options: ServeOptions): Promise<StillServer> {
    const one = new StillServer();
    const [write, clock] = [(line: unknown) => void one.log.push(String(line)), one.clock];
    const log = { info: write, warn: write, error: write };
    one.server = await serve({ port: 0, retention: RETENTION, clock, log, ...options });
    one.mq = await connect(one.server.url);
    return one;
  }

  /** What is known of the only group, if it is there. */
  async group() {
    const [group] = await this.mq.groups(TOPIC);
    return group;
  }

  /** Puts jobs; none may be refused. Returns their numbers. */
  async put(count: number): Promise<number[]> {
    const seqs: number[] = [];
    for (let left = count; left > 0; left -= 1000) {
      const bodies = Array.from({ length: Math.min(left, 1000) }, () => "x".repeat(BODY));
      seqs.push(...await this.mq.putMany(TOPIC, bodies));
    }
    return seqs;
  }

  /** Lets time pass, in steps in which the server hears of it. */
  async pass(ms: number, steps: number): Promise<void> {
    for (let i = 0; i < steps; i++) {
      this.clock.advance(ms / steps);
      await this.mq.topics();
    }
  }

  /** Works until nothing is left, and returns the numbers of the jobs. */
  async workAll(): Promise<number[]> {
    const seen: number[] = [];
    const worker = this.mq.work(TOPIC, ({ seq }) => void seen.push(seq), { concurrency: 64 });
    await until(async () => {
      const group = await this.group();
      return group !== undefined && group.depth + group.held === 0;
    }, WAIT_TIMEOUT);
    await worker.stop();
    return seen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mq.close();
    await this.server[Symbol.asyncDispose]();
  }
}

/** The retention passes while jobs wait: readers do not see them any more, and the group has them all. */
export async function retentionPasses(jobs: number): Promise<Finding[]> {
  await using one = await StillServer.start({});
  await one.mq.createGroup(TOPIC);
  const seqs = await one.put(jobs);
  await one.pass(RETENTION, 60);
  await one.put(1);
  await using reader = await connect(one.server.url, { since: "start" });
  const seen: number[] = [];
  for (let message; (message = await reader.read(TOPIC));) seen.push(message.seq);
  const worked = await one.workAll();
  const { givenUp, done } = (await one.group())!;
  return [
    { what: "jobs that outlive the retention", seen: jobs, good: true },
    { what: "messages that readers see", seen: seen.length, good: seen.length === 1 },
    { what: "jobs that are worked", seen: worked.length, good: worked.length === jobs + 1 },
    none("jobs out of their order", seqs.filter((seq, i) => worked[i] !== seq)),
    { what: "given up", seen: givenUp, good: givenUp === 0 },
    { what: "outcomes that count", seen: done, good: done === jobs + 1 },
  ];
}

/** There is room for some of them: the oldest are given up. */
export async function bytesArePassed(jobs: number): Promise<Finding[]> {
  await using one = await StillServer.start({ limits: { groupBytes: SIZE * jobs / 4 } });
  await one.mq.createGroup(TOPIC);
  const seqs = await one.put(jobs);
  await one.pass(RETENTION, 60);
  const next = await one.put(1);
  // They are looked at in slices, one each second.
  await one.pass(RETENTION / 2, 30);
  const { givenUp, depth } = (await one.group())!;
  const worked = await one.workAll();
  const expected = [...seqs.slice(givenUp), ...next];
  const told = one.log.filter((line) => line.includes("given up"));
  return [
    {
      what: "jobs for which there is no room",
      seen: givenUp,
      good: givenUp >= jobs / 2 && givenUp < jobs,
    },
    { what: "jobs that are left", seen: depth, good: depth === jobs + 1 - givenUp },
    { what: "they are the newest", seen: worked.length, good: `${worked}` === `${expected}` },
    { what: "lines of the log about it", seen: told.length, good: told.length > 0 },
  ];
}

/** Nobody works on the group of a topic into which much is put. */
export async function abandonedGroup(jobs: number): Promise<Finding[]> {
  const storedBytes = SIZE * 1000;
  await using one = await StillServer.start({
    limits: { storedBytes, groupRetention: GROUP_RETENTION },
    overflow: "drop-oldest",
  });
  await one.mq.createGroup(TOPIC);
  let refused = 0;
  let most = 0;
  for (let put = 0; put < jobs; put += 500) {
    await one.put(500).catch(() => refused++);
    await one.pass(500, 1);
    most = Math.max(most, (await one.group())!.depth);
  }
  const { givenUp, depth } = (await one.group())!;
  // The server hears of it each minute: of longer steps it would believe only that.
  await one.pass(GROUP_RETENTION + RETENTION, 1 + GROUP_RETENTION / RETENTION);
  const isDeleted = await one.group() === undefined;
  await one.put(1);
  const told = (what: string) => one.log.filter((line) => line.includes(what)).length;
  return [
    { what: "puts that were refused", seen: refused, good: refused === 0 },
    { what: "jobs that waited at most", seen: most, good: most < 3000 },
    { what: "jobs that were given up", seen: givenUp, good: givenUp === jobs - depth },
    { what: "lines of the log about that", seen: told("given up"), good: told("given up") > 0 },
    { what: "it is deleted in the end", seen: `${isDeleted}`, good: isDeleted },
    {
      what: "lines about that",
      seen: told("nobody has worked"),
      good: told("nobody has worked") === 1,
    },
  ];
}

if (import.meta.main) {
  const { JOBS: jobs } = argumentsOrExit({ JOBS: 10_000 });
  report("Jobs that outlive the retention", [
    ...await retentionPasses(jobs),
    ...await bytesArePassed(jobs),
    ...await abandonedGroup(jobs),
  ]);
}
