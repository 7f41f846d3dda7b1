/**
 * Measures how long a new server needs until it is ready, if the log that it joins has 1 GiB of messages of 1 kB.
 *
 * A server fills the log, and a second one starts with no replica, and applies all of it. Then more is put and purged, until the log is
 * longer than what is stored, so that a snapshot is due; a third server starts from that. NATS keeps files, all servers are on one core,
 * and the first one stays beside them.
 *
 * Run it with `deno task bench:replicated-start`; it exits with 1 if the goal is missed, and fails if a new server lacks messages.
 *
 * @module
 */

import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "../client.ts";
import { Progress } from "../cli/measure/progress.ts";
import { formatFigure, formatMarkdownTable } from "../cli/measure/table.ts";
import { connectNats, startNats } from "./baselines/nats.ts";
import { MeasurementFailed, Processes, retryUntilReady, type Running } from "./processes.ts";

const BYTES = 2 ** 30;
const MESSAGE = "m".repeat(1000);
const BATCH = 500;
const TOPIC = "kept";
/** So much is put and purged, in bytes: more than all that a store counts for messages besides their bodies. */
const PURGED = 2 ** 28;
/** The goal, in seconds. */
const GOAL = 60;
/** How long the snapshot, and each start, may take before they are given up, in milliseconds. */
const READY_TIMEOUT = 180_000;
/** How long nothing more may come of a snapshot before it counts as complete, in milliseconds. */
const SETTLED = 8000;

const count = Math.ceil(BYTES / MESSAGE.length);
const progress = new Progress(4);
await using processes = new Processes();
const interrupted = () => void processes[Symbol.asyncDispose]().then(() => Deno.exit(130));
Deno.addSignalListener("SIGINT", interrupted);
const nats = await startNats(processes);
await using stack = new AsyncDisposableStack();
const client = await connectNats(nats);
stack.defer(() => client.close());
const { streams } = await jetstreamManager(client);
const start = () =>
  processes.startDsmq(
    ...["--store", `nats://127.0.0.1:${nats.port}/log`],
    ...["--retention", "1h", "--max-stored-bytes", "4000000000"],
  );

progress.step(`${count} messages`);
const first = await start();
await untilReady(first);
const mq = stack.use(await connect({ port: first.port }));
const filling = await put(TOPIC, count);
progress.step("a start without a snapshot");
const fromLog = await measureStart();
progress.step("a snapshot");
await put("purged", Math.ceil(PURGED / MESSAGE.length));
await mq.purge("purged");
const snapshot = await settledSnapshot();
progress.step("a start from the snapshot");
const fromSnapshot = await measureStart();
progress.end();

const rows = [
  ["messages", `${count} of ${MESSAGE.length} B, put in ${filling.toFixed(0)} s`, ""],
  ...startRows("without a snapshot", fromLog),
  ["the snapshot", megabytes(snapshot), ""],
  ...startRows("from the snapshot", fromSnapshot),
];
console.log(formatMarkdownTable(["what", "figure", "goal"], rows));
Deno.removeSignalListener("SIGINT", interrupted);
if (Math.max(fromLog.seconds, fromSnapshot.seconds) > GOAL) Deno.exitCode = 1;

/** Puts messages, some at a time; returns how many seconds it took. */
async function put(topic: string, count: number): Promise<number> {
  const begin = performance.now();
  const batch = Array.from({ length: BATCH }, () => MESSAGE);
  for (let i = 0; i < count; i += BATCH) await mq.putMany(topic, batch);
  return (performance.now() - begin) / 1000;
}

interface Start {
  readonly seconds: number;
  /** The resident memory once it was ready, and the most until then, in bytes. */
  readonly memory: readonly [now: number, peak: number];
}

/** Starts a server with no replica, until it is ready, and ends it. */
async function measureStart(): Promise<Start> {
  const begin = performance.now();
  const server = await start();
  await untilReady(server);
  const seconds = (performance.now() - begin) / 1000;
  const memory = await memoryOf(server);
  {
    await using reader = await connect({ port: server.port }, { since: "start" });
    for (const message of [await reader.get(TOPIC), await reader.getLatest(TOPIC)]) {
      if (message !== MESSAGE) throw new MeasurementFailed("the new server lacks messages");
    }
  }
  await processes.stop(server);
  return { seconds, memory };
}

function startRows(how: string, { seconds, memory: [now, peak] }: Start): string[][] {
  return [
    [`a new server is ready, ${how}`, `${seconds.toFixed(1)} s`, `≤ ${GOAL} s`],
    ["its memory then", `${megabytes(now)}, at most ${megabytes(peak)} before`, ""],
  ];
}

/** Waits until there is a snapshot, and nothing more of it comes; returns its size in bytes. */
async function settledSnapshot(): Promise<number> {
  const deadline = performance.now() + READY_TIMEOUT;
  for (let [last, since] = [0, performance.now()];;) {
    const { state } = await streams.info("OBJ_log-snapshots");
    const now = performance.now();
    if (state.last_seq !== last) [last, since] = [state.last_seq, now];
    if (last > 0 && now - since > SETTLED) return state.bytes;
    if (now > deadline) throw new MeasurementFailed("no snapshot is made");
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** Waits until a server says that it is ready. */
async function untilReady({ port }: Running): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT;
  while (true) {
    try {
      const response = await retryUntilReady(() => fetch(`http://127.0.0.1:${port}/health/ready`));
      await response.body?.cancel();
      if (response.ok) return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    if (performance.now() > deadline) throw new MeasurementFailed("a server is not ready in time");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The resident memory of a server now, and the most that it was, in bytes. */
async function memoryOf({ pid }: Running): Promise<[now: number, peak: number]> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const bytes = (name: string) =>
    1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)![1]);
  return [bytes("VmRSS"), bytes("VmHWM")];
}

function megabytes(bytes: number): string {
  return `${formatFigure(bytes / 1e6)} MB`;
}
