/**
 * Measures the cost of a subscriber that does not read: a million messages are put while it sleeps.
 *
 * Two servers get the same messages alternately, and each has a subscriber that reads them all. One of them has a second
 * subscriber, which sleeps; the difference is what it costs in memory and in speed. When it wakes, it must get every
 * message in order. At a third server messages expire while it sleeps: it must get every message that is still stored.
 *
 * Run it with `deno task bench:slow`; it exits with 1 if a goal is missed.
 *
 * @module
 */

import type { Connection, Message } from "../client.ts";
import { measureRate } from "../cli/measure/calls.ts";
import { Progress } from "../cli/measure/progress.ts";
import { median } from "../cli/measure/quantiles.ts";
import { formatFigure, formatMarkdownTable } from "../cli/measure/table.ts";
import { connectTo } from "./bench.ts";
import { MESSAGE } from "./client_calls.ts";
import { Processes, type Running } from "./processes.ts";
import { settledMemory } from "./scenarios/server.ts";

const MESSAGES = 1_000_000;
/** The number of rounds; the servers alternate. */
const ROUNDS = 10;
const WINDOW = 1024;
const GOALS = { megabytes: 2, speed: 0.9 };
/** The retention of the third server and how long its subscriber sleeps, in milliseconds. */
const SHORT = { retention: 6000, sleep: 4000 };

/** A server with a putter, and a subscriber that reads everything at once. */
interface Setup {
  readonly server: Running;
  readonly putter: Connection;
  readonly reader: Connection;
  readonly perSecond: number[];
}

const progress = new Progress(ROUNDS + 4);
await using processes = new Processes();
const interrupted = () => void processes[Symbol.asyncDispose]().then(() => Deno.exit(130));
Deno.addSignalListener("SIGINT", interrupted);

const calm = await startSetup("--retention", "1h");
const slow = await startSetup("--retention", "1h");
await using sleeper = await connectTo(slow.server);
const asleep = sleeper.subscribe("t", { onGap: "oldest" });

// Warm-up: memory that grows only once.
for (const one of [calm, slow]) await round(one, 0.2);
progress.step("memory before");
const before = await memories();
for (let i = 0; i < ROUNDS; i++) {
  progress.step(`round ${i + 1} of ${ROUNDS}`);
  for (const one of i % 2 === 0 ? [calm, slow] : [slow, calm]) await round(one, 1 / ROUNDS);
}
progress.step("memory after");
const after = await memories();
const grown = after.map((bytes, i) => (bytes - before[i]!) / 1e6);
const cost = grown[1]! - grown[0]!;
const speed = median(slow.perSecond.slice(1)) / median(calm.perSecond.slice(1));

progress.step("waking");
const missing = await missed(asleep, MESSAGES * 1.2);
progress.step("waking where messages have expired");
const expired = await wakeAfterExpiry();
progress.end();

const rows = [
  ["memory of the messages alone", `${formatFigure(grown[0]!)} MB`, "", ""],
  row(
    "more with the sleeping subscriber",
    `${cost.toFixed(1)} MB`,
    `≤ ${GOALS.megabytes} MB`,
    cost <= GOALS.megabytes,
  ),
  row(
    "speed of the others beside it",
    `${speed.toFixed(2)} ×`,
    `≥ ${GOALS.speed} ×`,
    speed >= GOALS.speed,
  ),
  row("messages it missed on waking", `${missing}`, "0", missing === 0),
  ["expired while it slept", formatFigure(expired.gone), "", ""],
  row("stored messages it missed", `${expired.missed}`, "0", expired.missed === 0),
];
console.log(formatMarkdownTable(["", "seen", "goal", ""], rows));
for (const { putter, reader } of [calm, slow]) await Promise.all([putter.close(), reader.close()]);
Deno.removeSignalListener("SIGINT", interrupted);
if (rows.some(([, , , reached]) => reached === "NOT reached")) Deno.exitCode = 1;

function row(name: string, seen: string, goal: string, reached: boolean): string[] {
  return [name, seen, goal, reached ? "reached" : "NOT reached"];
}

async function startSetup(...options: string[]): Promise<Setup> {
  const server = await processes.startDsmq(...options);
  return {
    server,
    putter: await connectTo(server),
    reader: await connectTo(server),
    perSecond: [],
  };
}

function memories(): Promise<number[]> {
  return Promise.all([settledMemory(calm.server), settledMemory(slow.server)]);
}

/** Puts a part of the messages, and waits until they are read. */
async function round({ putter, reader, perSecond }: Setup, part: number): Promise<void> {
  const count = MESSAGES * part;
  const messages = reader.subscribe("t", { since: "now" });
  await reader.get("nothing");
  const begin = performance.now();
  await Promise.all([
    measureRate(count, WINDOW, () => putter.put("t", MESSAGE)),
    read(messages, count, () => {}),
  ]);
  perSecond.push(count / (performance.now() - begin) * 1000);
}

async function read(
  messages: AsyncIterable<Message>,
  count: number,
  take: (message: Message) => void,
): Promise<void> {
  for await (const message of messages) {
    take(message);
    if (--count === 0) return;
  }
}

/** How many sequence numbers from 1 to the last did not arrive, or not in order. */
async function missed(messages: AsyncIterable<Message>, last: number): Promise<number> {
  let inOrder = 0;
  for await (const { seq } of messages) {
    if (seq === inOrder + 1) inOrder++;
    if (seq >= last) break;
  }
  return last - inOrder;
}

/** Sleeps until a part of the messages has expired. */
async function wakeAfterExpiry(): Promise<{ readonly gone: number; readonly missed: number }> {
  const { server, putter, reader } = await startSetup("--retention", `${SHORT.retention}ms`);
  await using sleeper = await connectTo(server);
  const asleep = sleeper.subscribe("t", { onGap: "oldest" });
  const times: number[] = [];
  const watched = read(reader.subscribe("t"), MESSAGES, ({ seq, time }) => times[seq] = time);
  await reader.get("nothing");
  await measureRate(MESSAGES / 2, WINDOW, () => putter.put("t", MESSAGE));
  await new Promise((resolve) => setTimeout(resolve, SHORT.sleep));
  await measureRate(MESSAGES / 2, WINDOW, () => putter.put("t", MESSAGE));
  await watched;
  await new Promise((resolve) => setTimeout(resolve, SHORT.retention - SHORT.sleep));
  const end = await putter.put("t", "the last");
  let [last, gone, missed] = [0, 0, 0];
  for await (const { seq } of asleep) {
    const now = Date.now();
    if (seq <= last) missed++;
    for (let skipped = last + 1; skipped < seq; skipped++) {
      if (times[skipped]! + SHORT.retention > now) missed++;
      else gone++;
    }
    last = seq;
    if (seq === end) break;
  }
  await Promise.all([putter.close(), reader.close()]);
  return { gone, missed };
}
