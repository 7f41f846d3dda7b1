/**
 * Measures what it costs to read topics through their prefix, beside one topic, and to subscribe to a prefix, beside a topic.
 *
 * Each kind of store has a server of its own, with 100,000 messages. All are read in turns, so that they see the same
 * machine. The cost is the processor time of the server, which others on the machine disturb least; the time until the
 * client has everything is shown beside it.
 *
 * Run it with `deno task bench:prefix`; it exits with 1 if a goal is missed.
 *
 * @module
 */

import type { Connection } from "../client.ts";
import { Progress } from "../cli/measure/progress.ts";
import { median } from "../cli/measure/quantiles.ts";
import { formatMarkdownTable } from "../cli/measure/table.ts";
import { connectTo } from "./bench.ts";
import { MESSAGE } from "./client_calls.ts";
import { processorTime } from "./cpu.ts";
import { Processes, type Running } from "./processes.ts";

const MESSAGES = 100_000;
/** How often each store is read, after once for warming up. */
const ROUNDS = 7;
/** How many subscriptions to a busy topic there are, over how many connections, and how many messages a round. */
const BUSY = { subscriptions: 1000, connections: 10, messages: 200 };
/** How often a prefix of few topics is read in a round. */
const SMALL_READS = 100;

type Filter = string | { readonly prefix: string };

/** A part of a bench that is measured in turns with others. */
interface Case {
  readonly name: string;
  readonly server: Running;
  run(): Promise<void>;
  /** The processor time of the server, and the time that passed, in milliseconds. */
  readonly processor: number[];
  readonly elapsed: number[];
}

const progress = new Progress(ROUNDS + 3);
await using processes = new Processes();
const interrupted = () => void processes[Symbol.asyncDispose]().then(() => Deno.exit(130));
Deno.addSignalListener("SIGINT", interrupted);
const opened: Connection[] = [];

progress.step("messages");
const one = await reading("one topic", 1, 1, "t", (i) => i);
const ten = await reading("ten topics", 10, 1, { prefix: "t." }, (i) => Math.floor(i / 10_000));
const mixed = await reading(
  "ten topics, message by message",
  10,
  1,
  { prefix: "t." },
  (i) => i % 10,
);
const many = await reading("100,000 topics", MESSAGES, 1, { prefix: "t." }, (i) => i);
const few = await reading(
  "ten topics of ten",
  10,
  SMALL_READS,
  { prefix: "t.04321" },
  (i) => 43_210 + i,
  10,
);
const fewOfMany = await reading(
  "ten topics of 100,000",
  10,
  SMALL_READS,
  { prefix: "t.04321" },
  (i) => i,
  MESSAGES,
  10,
);
progress.step("subscriptions");
const topicReaders = await busy("1,000 subscriptions to a topic", "busy.topic");
const prefixReaders = await busy("1,000 subscriptions to a prefix", { prefix: "busy." });
const cases = [one, ten, mixed, many, few, fewOfMany, topicReaders, prefixReaders];
for (let round = 0; round <= ROUNDS; round++) {
  progress.step(`round ${round} of ${ROUNDS}`);
  for (const it of round % 2 === 0 ? cases : cases.toReversed()) await measure(it, round > 0);
}
progress.end();

const rows = [
  compared(one, one),
  compared(ten, one, 1.3),
  compared(mixed, one, 1.3),
  compared(many, one, 4),
  compared(few, few),
  compared(fewOfMany, few, 1.5),
  compared(topicReaders, topicReaders),
  compared(prefixReaders, topicReaders, 1.1),
];
console.log(
  formatMarkdownTable(["", "processor, ms", "ratio", "goal", "", "elapsed, ms", "ratio"], rows),
);
await Promise.all(opened.map((mq) => mq.close()));
Deno.removeSignalListener("SIGINT", interrupted);
if (rows.some((row) => row.includes("NOT reached"))) Deno.exitCode = 1;

/** A server whose messages are all read from the start, through a topic or a prefix. */
async function reading(
  name: string,
  topics: number,
  reads: number,
  filter: Filter,
  topicOf: (i: number) => number,
  stored = MESSAGES,
  count = stored,
): Promise<Case> {
  const server = await processes.startDsmq("--retention", "1h");
  const mq = await connectTo(server);
  opened.push(mq);
  const nameOf = (i: number) => topics === 1 ? "t" : `t.${String(topicOf(i)).padStart(6, "0")}`;
  const puts: Promise<unknown>[] = [];
  for (let i = 0; i < stored;) {
    const topic = nameOf(i);
    let end = i + 1;
    while (end < stored && end - i < 1000 && nameOf(end) === topic) end++;
    puts.push(mq.putMany(topic, Array(end - i).fill(MESSAGE)));
    i = end;
    if (puts.length === 5000 || i === stored) await Promise.all(puts.splice(0));
  }
  const run = async () => {
    for (let n = 0; n < reads; n++) {
      let left = count;
      for await (const _ of mq.subscribe(filter, { since: "start" })) if (--left === 0) break;
    }
  };
  return { name, server, run, processor: [], elapsed: [] };
}

/** A server with very many subscriptions that get each message. */
async function busy(name: string, filter: Filter): Promise<Case> {
  const server = await processes.startDsmq("--retention", "1h");
  const putter = await connectTo(server);
  opened.push(putter);
  let received = 0;
  let onReceived = () => {};
  for (let i = 0; i < BUSY.connections; i++) {
    const mq = await connectTo(server);
    opened.push(mq);
    for (let n = 0; n < BUSY.subscriptions / BUSY.connections; n++) {
      void (async () => {
        for await (const _ of mq.subscribe(filter, { since: "now" })) {
          if (++received % BUSY.subscriptions === 0) onReceived();
        }
      })().catch(() => {});
    }
    await mq.get("nothing");
  }
  const run = async () => {
    for (let i = 0; i < BUSY.messages; i++) {
      const all = new Promise<void>((resolve) => onReceived = resolve);
      await putter.put("busy.topic", MESSAGE);
      await all;
    }
  };
  return { name, server, run, processor: [], elapsed: [] };
}

async function measure({ server, run, processor, elapsed }: Case, counts: boolean): Promise<void> {
  const [before, begin] = [await processorTime(server.pid), performance.now()];
  await run();
  const end = performance.now();
  const used = await processorTime(server.pid) - before;
  if (!counts) return;
  processor.push(used);
  elapsed.push(end - begin);
}

/** A row that compares one case with another. */
function compared(it: Case, base: Case, goal?: number): string[] {
  const [processor, elapsed] = [
    ratio(it.processor, base.processor),
    ratio(it.elapsed, base.elapsed),
  ];
  const reached = goal === undefined ? "" : processor <= goal ? "reached" : "NOT reached";
  return [
    it.name,
    median(it.processor).toFixed(1),
    it === base ? "" : processor.toFixed(2),
    goal === undefined ? "" : `≤ ${goal}`,
    reached,
    median(it.elapsed).toFixed(1),
    it === base ? "" : elapsed.toFixed(2),
  ];
}

/** The median of the ratios of each round. */
function ratio(ones: readonly number[], bases: readonly number[]): number {
  return median(ones.map((one, i) => one / bases[i]!));
}
