/**
 * The cost of claims with much of something, compared with little of it.
 *
 * @module
 */

import type { Connection } from "../../client.ts";
import { median } from "../../cli/measure/quantiles.ts";
import { formatFigure } from "../../cli/measure/table.ts";
import { type Bench, blocks, type Scenario } from "../bench.ts";
import { MESSAGE } from "../client_calls.ts";
import { JobBacklog, TOPIC } from "../jobs/job_backlog.ts";
import { pairedRow, type Row } from "../row.ts";

/** How many jobs wait where nothing else is said. */
const WAITING = 1_000;

const GROUPS = 1_000;

/** How many jobs are claimed one by one, and how many with a worker, before the next measurement has its turn. */
const BLOCK = { claims: 100, jobs: 1_000 };

/** How many jobs the worker holds, and how many puts are in flight. */
const HELD = 64;

const HOUR = 3_600_000;

/** Claims with much of something, compared with little of it. */
export const jobDepth: Scenario = {
  name: "job-depth",
  steps: 2,
  needsPeers: false,
  async run(bench) {
    const scaled = (full: number) => Math.ceil(full * bench.scale);
    const [deep, keys, unfinished] = [scaled(1_000_000), scaled(100_000), scaled(100_000)];
    bench.progress.step("filling");
    const open = (options: Parameters<typeof JobBacklog.open>[1]) =>
      JobBacklog.open(bench.processes, options);
    const backlogs = {
      little: await open({ waiting: WAITING }),
      key: await open({ waiting: WAITING, key: () => "one" }),
      fewKeys: await open({ waiting: WAITING, key: (i) => `${i}` }),
      keys: await open({ waiting: keys, key: (i) => `${i}` }),
      deep: await open({ waiting: deep }),
      groups: await open({ waiting: WAITING, prepare: makeGroups }),
      unfinished: await open({ waiting: WAITING, prepare: (mq) => setAside(mq, unfinished) }),
    };
    const times = await measure(bench, backlogs);
    await Promise.all(Object.values(backlogs).map((backlog) => backlog[Symbol.asyncDispose]()));
    const row = (name: string, work: string, little: string, against: string): Row => {
      const what = { work, against, unit: "µs a call, p50", goal: { atMost: 1.3 } };
      return pairedRow(what, times[name]!, times[little]!);
    };
    const besideLittle = (name: string, much: string) => [
      row(`claim ${name}`, `one claim, until it is done, with ${much}`, "claim little", LITTLE),
      row(`work ${name}`, `jobs, ${HELD} held, with ${much}`, "work little", LITTLE),
    ];
    return [
      ...besideLittle("deep", `${formatFigure(deep)} waiting`),
      row(
        "claim keys",
        `one claim, until it is done, with ${formatFigure(keys)} keys`,
        "claim key",
        "the same with one key",
      ),
      // With one key there would be one job at a time, however many a worker may hold.
      row(
        "work keys",
        `jobs, ${HELD} held, with ${formatFigure(keys)} keys`,
        "work fewKeys",
        `the same with ${formatFigure(WAITING)} keys`,
      ),
      ...besideLittle("groups", `${formatFigure(GROUPS)} groups`),
      row(
        "put groups",
        `puts, ${HELD} in flight, with ${formatFigure(GROUPS)} groups`,
        "put little",
        LITTLE,
      ),
      ...besideLittle("unfinished", `${formatFigure(unfinished)} unfinished`),
    ];
  },
};

const LITTLE = `the same with ${formatFigure(WAITING)} waiting, without keys, in one group`;

/** Returns the time of a call, in microseconds, in each block of each measurement. */
async function measure(
  bench: Bench,
  backlogs: Readonly<Record<string, JobBacklog>>,
): Promise<Record<string, number[]>> {
  const turns: Record<string, () => Promise<number[]>> = {};
  const add = (name: string, measure: () => Promise<number>) =>
    turns[name] = async () => [1000 * await measure()];
  for (const [name, backlog] of Object.entries(backlogs)) {
    add(`claim ${name}`, async () => median(await backlog.claims(BLOCK.claims)));
    if (name !== "key") add(`work ${name}`, () => backlog.work(BLOCK.jobs, HELD));
    if (name === "little" || name === "groups") {
      add(`put ${name}`, () => backlog.puts(BLOCK.jobs, HELD));
    }
  }
  return await blocks(bench, "claims with much of something", turns, true);
}

/** Groups of the topic, besides the one that is measured. */
async function makeGroups(mq: Connection): Promise<void> {
  for (let i = 1; i < GROUPS; i++) await mq.createGroup(TOPIC, { group: `${i}` });
}

/**
 * Puts jobs that are set aside when they are come to: half of them delayed, the others behind a held one with their key.
 */
async function setAside(mq: Connection, count: number): Promise<void> {
  const half = Math.floor(count / 2);
  const key = "held";
  await mq.put(TOPIC, MESSAGE, { key });
  if (!await mq.claim(TOPIC, { lease: HOUR, timeout: HOUR })) throw new Error("no job waits");
  const jobs = Array.from(
    { length: count - 1 },
    (_, i) => ({ body: MESSAGE, ...(i < half ? { delay: HOUR } : { key }) }),
  );
  await mq.putMany(TOPIC, jobs);
}
