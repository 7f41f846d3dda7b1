/**
 * Measures what the page of a server costs it: the CPU time of a message at 50,000 messages a second, with the page open in Chromium
 * beside that without; and how long the page is ever busy with 10,000 topics at that rate.
 *
 * Rounds with the page and without it alternate, at one server. The browser runs on the core of the client. There it makes the client
 * wait now and then, which then puts more messages at a time, and that is cheaper for the server. Each row has the rate that was
 * reached, in the median round of the slower side. Loading the page is not counted.
 *
 * Run it with `deno task bench:page`; it takes about four minutes, needs Chromium, and ends with 1 if a goal is missed.
 *
 * @module
 */

import type { Connection } from "../client.ts";
import { Progress } from "../cli/measure/progress.ts";
import { median } from "../cli/measure/quantiles.ts";
import { formatMarkdownTable } from "../cli/measure/table.ts";
import { launchBrowser } from "../tests/support/browser.ts";
import { type LongTask, recordLongTasks } from "../tests/support/long_tasks.ts";
import { connectTo } from "./bench.ts";
import { MESSAGE } from "./client_calls.ts";
import { conditions } from "./environment.ts";
import { cells, HEAD, type HttpComparison, judge } from "./http/comparison.ts";
import { sample } from "./http/http_scenario.ts";
import { Processes, type Running } from "./processes.ts";

/** Messages a second. */
const RATE = 50_000;
const ROUNDS = { warmUp: 1, count: 9, seconds: 2 };
const GOALS = { cpu: 1.05, task: 50 };
/** The page with many topics: how many, and for how long it is watched, in seconds. */
const MANY = { topics: 10_000, seconds: 60 };

/** What the page shows, by the fragment of its address. */
const VIEWS = { "the topics": "", "the tail of a topic": "#/topics/t0" } as const;

type Browser = Awaited<ReturnType<typeof launchBrowser>>;

/** Puts messages at the rate, round the topics, for a time in seconds; returns how many were stored. */
async function putAtRate(mq: Connection, topics: number, seconds: number): Promise<number> {
  const begin = performance.now();
  let [sent, last] = [0, Promise.resolve(0)];
  for (let now = begin; now < begin + seconds * 1000; now = performance.now()) {
    const due = Math.floor((now - begin) / 1000 * RATE);
    while (sent < due) last = mq.put(`t${sent++ % topics}`, MESSAGE);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await last;
  return sent;
}

/** A round: the CPU time of the server for each message, in microseconds, and how many messages a second there were. */
interface Round {
  readonly cpu: number;
  readonly rate: number;
}

async function measureRound(server: Running, mq: Connection, topics: number): Promise<Round> {
  const begin = performance.now();
  let stored = 0;
  const put = async () => stored = await putAtRate(mq, topics, ROUNDS.seconds);
  const { cpu } = await sample(server, 1, put);
  return { cpu: cpu / stored, rate: stored / (performance.now() - begin) * 1000 };
}

/** Opens a view of the page, and waits until its first reads are over. */
async function openPage(browser: Browser, { port }: Running, hash: string) {
  const page = await browser.newPage();
  const longTasks = await recordLongTasks(page);
  await page.goto(`http://127.0.0.1:${port}/${hash}`, { waitUntil: "load" });
  await page.getByText("t0", { exact: true }).first().waitFor();
  await page.waitForTimeout(500);
  return { page, longTasks, [Symbol.asyncDispose]: () => page.close() };
}

/** Measures one view, with messages for so many topics. */
async function compare(
  processes: Processes,
  browser: Browser,
  view: keyof typeof VIEWS,
  topics: number,
): Promise<HttpComparison> {
  const server = await processes.startDsmq("--retention", "20");
  await using mq = await connectTo(server);
  const found = { ours: [] as Round[], theirs: [] as Round[] };
  for (let round = 0; round < ROUNDS.warmUp + ROUNDS.count; round++) {
    const sides = ["ours", "theirs"] as const;
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      await putAtRate(mq, topics, 0.2);
      await using _page = side === "ours"
        ? await openPage(browser, server, VIEWS[view])
        : undefined;
      const measured = await measureRound(server, mq, topics);
      if (round >= ROUNDS.warmUp) found[side].push(measured);
    }
  }
  await processes.stop(server);
  const [ours, theirs] = [found.ours, found.theirs];
  const rate = Math.min(...[ours, theirs].map((side) => median(side.map((one) => one.rate))));
  return {
    work: `${view}; ${topics === 1 ? "one topic" : `${topics} topics`}; ${
      Math.round(rate / 1000)
    },000 messages/s`,
    ...{ against: "no page", unit: "µs of CPU a message", by: "ratio" },
    ...{ ours: ours.map(({ cpu }) => cpu), theirs: theirs.map(({ cpu }) => cpu) },
    goal: { atMost: GOALS.cpu },
  };
}

/** The long tasks of the page while many topics get messages. */
async function watchManyTopics(processes: Processes, browser: Browser): Promise<LongTask[]> {
  const server = await processes.startDsmq("--retention", "20");
  await using mq = await connectTo(server);
  await putAtRate(mq, MANY.topics, 1);
  await using opened = await openPage(browser, server, "");
  await putAtRate(mq, MANY.topics, MANY.seconds);
  return await opened.longTasks();
}

/** One line: when, for how long, and what scripts had part in it. */
function describeTask({ start, duration, scripts }: LongTask): string {
  const parts = scripts.map(({ url, invoker, duration }) =>
    `${duration.toFixed(0)} ms ${invoker} of ${URL.parse(url)?.pathname ?? "no file"}`
  );
  return `- ${(start / 1000).toFixed(1)} s: ${duration.toFixed(0)} ms (${
    parts.join(", ") || "no script"
  })`;
}

await using processes = new Processes();
const interrupted = () => void processes[Symbol.asyncDispose]().then(() => Deno.exit(130));
Deno.addSignalListener("SIGINT", interrupted);
const cases = Object.keys(VIEWS).flatMap((view) =>
  [1, 100].map((topics) => ({ view: view as keyof typeof VIEWS, topics }))
);
const progress = new Progress(cases.length + 1);
// This pins this process, and with it the browser that is started after it.
const about = await conditions();
await using browser = await launchBrowser();
const judged = [];
for (const { view, topics } of cases) {
  progress.step(`the page with ${view}`);
  const one = judge(await compare(processes, browser, view, topics));
  console.error(cells(one).join("  "));
  judged.push(one);
}
progress.step(`${MANY.topics} topics`);
const tasks = await watchManyTopics(processes, browser);
progress.end();
Deno.removeSignalListener("SIGINT", interrupted);

const longest = Math.max(0, ...tasks.map(({ duration }) => duration));
console.log(`${about[0]}\n`);
console.log(formatMarkdownTable(HEAD, judged.map(cells)));
console.log(
  `\nTasks above ${GOALS.task} ms in ${MANY.seconds} s with ${MANY.topics} topics: ${tasks.length}` +
    (longest > 0 ? `, the longest ${longest.toFixed(0)} ms` : ""),
);
for (const task of tasks) console.log(describeTask(task));
if (longest > GOALS.task || judged.some(({ isMissed }) => isMissed)) Deno.exitCode = 1;
