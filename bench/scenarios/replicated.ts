/**
 * Servers that share a log in NATS, compared with NATS itself and with a server alone.
 *
 * All servers share one core, NATS among them, and the client has the other.
 *
 * @module
 */

import { measureRate, timeSequentially } from "../../cli/measure/calls.ts";
import { median } from "../../cli/measure/quantiles.ts";
import { Echo } from "../baselines/echo.ts";
import { JetStream, type StreamKind } from "../baselines/jet_stream.ts";
import { connectNats, startNats, startSyncedNats } from "../baselines/nats.ts";
import { type Bench, blocks, connectTo, rounds, type Scenario } from "../bench.ts";
import { deliver, getMessage, MESSAGE } from "../client_calls.ts";
import { processorTime } from "../cpu.ts";
import { type Processes, type Running, waitUntilListening } from "../processes.ts";
import { pairedRow, type Row } from "../row.ts";
import { startEcho } from "./one_call.ts";

const WINDOW = 1024;

/** Calls in a row, before the next measurement has its turn. */
const BLOCK = 200;

/** Batches of JetStream under way at a time; together they have as many messages as there are puts in flight. */
const BATCHES = 2;

/** How many servers share a log, and how many subscribers each of them has. */
const SERVERS = 3;
const SUBSCRIBERS = 33;

/** Acknowledged `put`s through a log in memory. */
export const replicatedPuts: Scenario = {
  name: "replicated-puts",
  steps: 1,
  needsPeers: true,
  async run(bench) {
    const nats = await startNats(bench.processes);
    return await putsBesideNats(bench, nats, "in memory", { storage: "memory" }, 5);
  },
};

/** Acknowledged `put`s through a log that is on the disk before it acknowledges. */
export const replicatedSyncedPuts: Scenario = {
  name: "replicated-synced-puts",
  steps: 1,
  needsPeers: true,
  async run(bench) {
    const nats = await startSyncedNats(bench.processes);
    const how = "in files, each synced";
    return await putsBesideNats(bench, nats, how, { storage: "file" }, 10);
  },
};

async function putsBesideNats(
  bench: Bench,
  nats: Running,
  how: string,
  kind: StreamKind & { readonly storage: string },
  atLeast: number,
): Promise<Row[]> {
  const { processes, scale } = bench;
  const client = await connectNats(nats);
  const stream = await JetStream.open(client, kind);
  const batches = await JetStream.open(client, { ...kind, batches: true });
  const server = await startOnLog(processes, nats, kind.storage);
  await using mq = await connectTo(server);
  const count = Math.ceil(200_000 * scale);
  // What is synced one by one takes long.
  const single = Math.ceil(count / (kind.storage === "file" ? 20 : 5));
  const size = WINDOW / BATCHES;
  const found = await rounds(bench, `puts through a log ${how}`, {
    dsmq: () => measureRate(count, WINDOW, () => mq.put("puts", MESSAGE)),
    single: () => measureRate(single, WINDOW, () => stream.put(MESSAGE)),
    batches: async () => {
      const put = () => batches.putBatch(MESSAGE, size);
      return size * await measureRate(Math.ceil(count / size), BATCHES, put);
    },
  });
  await client.close();
  const work = `acknowledged puts through a log ${how}, ${WINDOW} in flight`;
  const what = { work, unit: "a second" };
  const against = `JetStream publish, ${how}`;
  const inBatches = `JetStream, batches of ${size}, ${BATCHES} under way`;
  return [
    pairedRow({ ...what, against, goal: { atLeast } }, found.dsmq, found.single),
    pairedRow({ ...what, against: inBatches, goal: { atLeast: 1 } }, found.dsmq, found.batches),
  ];
}

/** One `put` through a log. */
export const replicatedPut: Scenario = {
  name: "replicated-put",
  steps: 1,
  needsPeers: true,
  async run(bench) {
    const nats = await startNats(bench.processes);
    const client = await connectNats(nats);
    const publish = await (await JetStream.open(client)).follow();
    const server = await startOnLog(bench.processes, nats, "memory");
    const echoServer = await startEcho(bench);
    await using mq = await connectTo(server);
    using echo = await Echo.open(echoServer.port);
    const times = await blocks(bench, "one put through a log", {
      echo: () => timeSequentially(BLOCK, () => echo.call(MESSAGE)),
      publish: () => timeSequentially(BLOCK, () => publish(MESSAGE)),
      put: () => timeSequentially(BLOCK, () => mq.put("one", MESSAGE)),
    });
    await client.close();
    const p50 = (of: readonly number[]) => median(of) * 1000;
    return [{
      work: "one put through a log in memory",
      against: "JetStream, publish and see it in a consumer, and 1.5 raw echoes",
      unit: "µs, p50",
      ours: p50(times.put),
      theirs: p50(times.publish) + 1.5 * p50(times.echo),
      goal: { atMost: 1 },
    }];
  },
};

/** `get`s of what is stored in a log. */
export const replicatedGets: Scenario = {
  name: "replicated-gets",
  steps: 1,
  needsPeers: true,
  async run(bench) {
    const { processes, scale } = bench;
    const nats = await startNats(processes);
    const options = ["--retention", "1h"];
    const replicated = await startOnLog(processes, nats, "memory", options);
    const alone = await processes.startDsmq(...options);
    const count = Math.ceil(200_000 * scale);
    for (const server of [replicated, alone]) {
      await using mq = await connectTo(server);
      await measureRate(count, WINDOW, () => mq.put("gets", MESSAGE));
    }
    const gets = async (server: Running) => {
      // For a new connection all of them are unread.
      await using reader = await connectTo(server, "start");
      return await measureRate(count, WINDOW, () => getMessage(reader, "gets"));
    };
    const found = await rounds(bench, "gets at a server with a log", {
      replicated: () => gets(replicated),
      alone: () => gets(alone),
    });
    const row = {
      work: `gets at a server with a log in memory, ${WINDOW} in flight`,
      against: "dsmq in memory",
      unit: "a second",
      goal: { atLeast: 0.5 },
    };
    return [pairedRow(row, found.replicated, found.alone)];
  },
};

/** Deliveries for the CPU time of all servers, NATS among them: each server has the same number of subscribers. */
export const replicatedFanOut: Scenario = {
  name: "replicated-fan-out",
  steps: 1,
  needsPeers: true,
  async run(bench) {
    const count = Math.ceil(20_000 * bench.scale);
    await using connections = new AsyncDisposableStack();
    const setUp = async (servers: number) => {
      const nats = await startNats(bench.processes);
      const all: Running[] = [];
      while (all.length < servers) all.push(await startOnLog(bench.processes, nats, "memory"));
      const connected = async (server: Running) => connections.use(await connectTo(server));
      const putter = await connected(all[0]!);
      const readers = await Promise.all(
        all.flatMap((server) => Array.from({ length: SUBSCRIBERS }, () => connected(server))),
      );
      const used = async () => {
        const times = await Promise.all([nats, ...all].map(({ pid }) => processorTime(pid)));
        return times.reduce((sum, time) => sum + time, 0);
      };
      return async () => {
        const before = await used();
        await deliver(putter, readers, count, WINDOW);
        return count * readers.length / (await used() - before) * 1000;
      };
    };
    const [several, one] = [await setUp(SERVERS), await setUp(1)];
    const found = await rounds(bench, "deliveries of several servers", { several, one });
    const row = {
      work: `deliveries of ${SERVERS} servers on one log, each with ${SUBSCRIBERS} subscribers`,
      against: "one such server on a log",
      unit: "a second of CPU of all, NATS included",
      goal: { atLeast: 0.9 },
    };
    return [pairedRow(row, found.several, found.one)];
  },
};

/** Starts a server on a log in NATS, and waits until it listens. */
async function startOnLog(
  processes: Processes,
  { port }: Running,
  storage: string,
  options: readonly string[] = [],
): Promise<Running> {
  await waitUntilListening(port);
  const address = `nats://127.0.0.1:${port}/log?storage=${storage}`;
  const server = await processes.startDsmq("--store", address, ...options);
  await waitUntilListening(server.port);
  return server;
}
