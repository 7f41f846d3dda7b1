/**
 * The scenarios to compare two checkouts. Each round has its own server and client, so differences between one start of a
 * process and the next are part of the spread.
 *
 * @module
 */

import { measureRate, timeSequentially } from "../../cli/measure/calls.ts";
import { median } from "../../cli/measure/quantiles.ts";
import { type Client, deliver, getMessage, MESSAGE, wakeTimes } from "../client_calls.ts";
import { waitUntilListening } from "../processes.ts";
import type { Sample, Unit } from "./comparison.ts";
import type { Side } from "./side.ts";

/** A scenario to compare. */
export interface PairedScenario {
  readonly name: string;
  readonly work: string;
  readonly unit: Unit;
  /** How many calls make a full round. */
  readonly count: number;
  /** Runs a round. */
  measure(side: Side, count: number): Promise<Sample>;
}

/** The clients of a scenario. */
interface Task {
  /** Prepares a run; this is not measured. */
  before?(count: number): Promise<unknown>;
  /** Makes calls. Returns the time of a message, in milliseconds. */
  run(count: number): Promise<number>;
}

interface Conditions {
  /** The cores are kept awake, because calls run one at a time. */
  readonly awake?: boolean;
  /** The server stores messages in a file. */
  readonly file?: boolean;
  /** How many messages each call delivers. */
  readonly messages?: number;
}

type Connect = () => Promise<Client>;

/** The number of warm-up runs: V8 is still compiling in the first three, and longer with more code. */
const WARM_UP = 4;

/** A scenario of client calls to a running server. */
function clientScenario(
  name: string,
  work: string,
  count: number,
  open: (connect: Connect) => Promise<Task>,
  { awake = false, file = false, messages = 1 }: Conditions = {},
): PairedScenario {
  return {
    ...{ name, work, unit: "µs", count },
    async measure(side, count) {
      const store = file ? ["--store", `sqlite:${side.processes.folder()}/store`] : [];
      const server = await side.start(...store);
      const task = await open(() => side.connect(server));
      await side.processes.touchMemory(MEMORY);
      if (awake) await side.processes.keepAwake();
      for (let i = 0; i < WARM_UP; i++) {
        await task.before?.(count);
        await task.run(count);
      }
      await task.before?.(count);
      return await side.sample(server, count * messages, () => task.run(count));
    },
  };
}

/** The fraction of a full scenario's memory that one round of these needs. */
const MEMORY = 0.1;

const ALONE = { awake: true };

const onePut = clientScenario("put", "one put, p50", 4_000, async (connect) => {
  const client = await connect();
  return {
    run: async (count) => median(await timeSequentially(count, () => client.put("one", MESSAGE))),
  };
}, ALONE);

const oneGet = clientScenario("get", "one get, p50", 4_000, async (connect) => {
  const [putter, getter] = [await connect(), await connect()];
  return {
    before: (count) => measureRate(count, 64, () => putter.put("one", MESSAGE)),
    run: async (count) => median(await timeSequentially(count, () => getMessage(getter, "one"))),
  };
}, ALONE);

const wake = clientScenario("wake", "waking a getWait, p50", 2_000, async (connect) => {
  const [putter, waiter, other] = [await connect(), await connect(), await connect()];
  return { run: async (count) => median(await wakeTimes(count, putter, waiter, other)) };
}, ALONE);

function puts(name: string, window: number, file = false): PairedScenario {
  const work = `puts, ${window} in flight${file ? ", on a file" : ""}`;
  // In memory 200,000 take 0.2 s: whether V8 compiles just then, or memory grows, would make more difference than the code.
  const count = file ? 200_000 : 600_000;
  return clientScenario(name, work, count, async (connect) => {
    const client = await connect();
    return { run: (count) => each(measureRate(count, window, () => client.put("puts", MESSAGE))) };
  }, { file });
}

function gets(name: string, window: number, file = false): PairedScenario {
  const work = `gets, ${window} in flight${file ? ", on a file" : ""}`;
  return clientScenario(name, work, 200_000, async (connect) => {
    const [putter, getter] = [await connect(), await connect()];
    return {
      before: (count) => measureRate(count, 1024, () => putter.put("gets", MESSAGE)),
      run: (count) => each(measureRate(count, window, () => getMessage(getter, "gets"))),
    };
  }, { file });
}

function streams(name: string, work: string, count: number, readers: number, window: number) {
  return clientScenario(name, `${work}, ${window} in flight`, count, async (connect) => {
    const putter = await connect();
    const to = await Promise.all(Array.from({ length: readers }, connect));
    return {
      async run(count) {
        const begin = performance.now();
        await deliver(putter, to, count, window);
        return (performance.now() - begin) / (count * readers);
      },
    };
  }, { messages: readers });
}

/** From starting the process to the first reply. Here a message stands for a start. */
const start: PairedScenario = {
  name: "start",
  work: "start to first answered get",
  unit: "ms",
  count: 5,
  async measure(side, count) {
    const samples: Sample[] = [];
    // The first one warms the system's caches, and is not counted.
    for (let i = 0; i <= count; i++) samples.push(await oneStart(side));
    const of = (part: keyof Sample) => median(samples.slice(1).map((sample) => sample[part]));
    return { wall: of("wall"), serverCpu: of("serverCpu"), clientCpu: of("clientCpu") };
  },
};

async function oneStart(side: Side): Promise<Sample> {
  const begin = performance.now();
  const server = await side.start();
  const sample = await side.sample(server, 1, async () => {
    await waitUntilListening(server.port);
    const client = await side.connect(server);
    await client.get("start");
    const elapsed = performance.now() - begin;
    await client.close();
    return elapsed;
  });
  await side.processes.stop(server);
  return sample;
}

/** The time of a call in milliseconds, from the calls a second. */
async function each(perSecond: Promise<number>): Promise<number> {
  return 1000 / await perSecond;
}

/** All scenarios. */
export const PAIRED_SCENARIOS: readonly PairedScenario[] = [
  onePut,
  oneGet,
  wake,
  ...[64, 1024].map((window) => puts(`puts-${window}`, window)),
  ...[64, 1024].map((window) => gets(`gets-${window}`, window)),
  streams("one-to-one", "put to subscribe, one to one", 200_000, 1, 1024),
  streams("fan-out", "fan-out to 100 subscribers", 5_000, 100, 256),
  puts("file-puts", 1024, true),
  gets("file-gets", 1024, true),
  start,
];
