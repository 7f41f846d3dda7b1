/**
 * Measures how long the purge of a million expired messages blocks the event loop at a time, and how long it takes to
 * overwrite what was purged in a file.
 *
 * A queue is filled, its clock is set forward past the retention, and the queue purges as in a server. Meanwhile a timer
 * records the delay of each turn, and messages are put and read. The same is measured at rest, for comparison.
 *
 * Run it with `deno task bench:purge`; with `--save` it also writes `bench/purge.md`.
 *
 * @module
 */

import { quantile } from "../cli/measure/quantiles.ts";
import { type Clock, systemClock } from "../queue/clock.ts";
import { Queue } from "../queue/queue.ts";
import { loadEngine } from "../stores/engines/load_engine.ts";
import { MemoryStore } from "../stores/memory_store.ts";
import { type ErasedFile, measureErasure } from "./erase.ts";
import { saveReport } from "./machine.ts";

const MESSAGES = 1_000_000;
const TOPICS = 100;
const BATCH = 1000;
const RETENTION = 600_000;
/** How long to measure at rest, in milliseconds. */
const REST = 3000;
/** The goal: no turn takes longer than this, in milliseconds. */
const GOAL = 20;

let ahead = 0;
const clock: Clock = {
  now: () => Date.now() + ahead,
  // The time of a store is what passes, not what a clock is set to.
  monotonic: () => performance.now() + ahead,
  after: (ms, callback) => systemClock.after(ms, callback),
};
const store = new MemoryStore({ engine: await loadEngine("auto"), retention: RETENTION, clock });
await using queue = await Queue.open(store, clock, { write: console.error });

const body = JSON.stringify("x".repeat(64));
const put = (topic: string) => ({ type: "put" as const, topic, body, bytes: body.length });
for (let i = 0; i < MESSAGES / BATCH; i++) {
  if (i % 100 === 0) console.error(`${i * BATCH} of ${MESSAGES} messages put`);
  await queue.apply(Array.from({ length: BATCH }, () => put(`topic ${i % TOPICS}`)));
  await new Promise((resolve) => setTimeout(resolve, 0));
}

const rest = await measure(new Promise((resolve) => setTimeout(resolve, REST)));

const purged = Promise.withResolvers<void>();
const trim = store.trim.bind(store);
let slices = 0;
store.trim = async (budget) => {
  const more = await trim(budget);
  if (more) slices++;
  else if (slices > 0) purged.resolve();
  return more;
};
console.error("purging");
const begin = performance.now();
ahead = RETENTION;
const purge = await measure(purged.promise);
const seconds = ((performance.now() - begin) / 1000).toFixed(1);

console.error("erasing");
/** Half of it is purged: large messages leave free pages, small ones also gaps. */
const files: ErasedFile[] = [{ megabytes: 600, bytes: 100_000 }, { megabytes: 400, bytes: 100 }];
const erasures: string[] = [];
for (const file of files) {
  const { seconds, late } = await measureErasure(file);
  const figures = [seconds.toFixed(1), ...[0.5, 0.99, 1].map((part) => percentile(late, part))];
  erasures.push(`| ${file.megabytes} MB of ${file.bytes} bytes each | ${figures.join(" | ")} |`);
}

const report = [
  "| | turns | late, p50 | late, p99 | latest | put and read, p50 | longest |",
  "| --- | --- | --- | --- | --- | --- | --- |",
  row("at rest", rest),
  row(`while ${MESSAGES} messages are purged, in ${slices} slices and ${seconds} s`, purge),
  "",
  `Times in milliseconds. The goal, at most ${GOAL} ms at a time, is ${
    purge.late.every((ms) => ms <= GOAL) ? "reached" : "NOT reached"
  }.`,
  "",
  "To overwrite what half of the messages of a file held, once they are purged:",
  "",
  "| in a file | seconds | late, p50 | late, p99 | latest |",
  "| --- | --- | --- | --- | --- |",
  ...erasures,
].join("\n");
console.log(report);
if (Deno.args.includes("--save")) {
  await saveReport("purge", "Purging", "deno task bench:purge --save", report);
}

interface Measured {
  /** The delay of each turn of the event loop. */
  readonly late: number[];
  /** How long each put and read took. */
  readonly calls: number[];
}

async function measure(end: Promise<void>): Promise<Measured> {
  const measured: Measured = { late: [], calls: [] };
  let over = false;
  void end.then(() => over = true);
  for (let last = performance.now(); !over;) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    const turn = performance.now();
    measured.late.push(turn - last);
    await queue.apply([put("probe")]);
    await store.read([{ topic: "probe", after: 0, count: 1, bytes: 1000 }]);
    last = performance.now();
    measured.calls.push(last - turn);
  }
  return measured;
}

function row(name: string, { late, calls }: Measured): string {
  const figures = [
    late.length,
    ...[percentile(late, 0.5), percentile(late, 0.99), percentile(late, 1)],
    ...[percentile(calls, 0.5), percentile(calls, 1)],
  ];
  return `| ${name} | ${figures.join(" | ")} |`;
}

function percentile(values: readonly number[], part: number): string {
  return quantile(values, part).toFixed(2);
}
