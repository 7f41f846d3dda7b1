/**
 * What a server needs: memory, CPU time, time to start.
 *
 * @module
 */

import { connect } from "../../client.ts";
import { median } from "../../cli/measure/quantiles.ts";
import { connectTo, rounds, type Scenario } from "../bench.ts";
import { MESSAGE } from "../client_calls.ts";
import { Echo } from "../baselines/echo.ts";
import { processorTime } from "../cpu.ts";
import { type Running, waitUntilListening } from "../processes.ts";
import type { Row } from "../row.ts";
import { startEcho } from "./one_call.ts";

const CONNECTIONS = 1_000;

/** How long an idle server needs to collect its garbage, in milliseconds. */
const SETTLE_TIME = 12_000;

/** How long the CPU time of an idle server is measured, in milliseconds. */
const WATCH_TIME = 10_000;

/** The memory of each stored message. */
export const memory: Scenario = {
  name: "memory",
  steps: 1,
  needsPeers: false,
  async run({ processes, progress, scale }) {
    progress.step("memory of messages");
    const server = await processes.startDsmq("--retention", "1h");
    await using mq = await connectTo(server);
    const batch = Array.from({ length: 10_000 }, () => MESSAGE);
    const put = async (count: number) => {
      for (let i = 0; i < count; i += batch.length) await mq.putMany("kept", batch);
    };
    // Warm-up: memory that the work itself needs.
    await put(200_000);
    const before = await settledMemory(server);
    const count = Math.ceil(1_000_000 * scale);
    await put(count);
    const ours = (await settledMemory(server) - before) / count;
    const against = "(growth of the resident memory)";
    return [{
      work: "memory of a stored message of 64 B",
      against,
      unit: "bytes",
      ours,
      goal: { atMost: 250 },
    }];
  },
};

/** Memory and CPU time of idle connections. */
export const idle: Scenario = {
  name: "idle",
  steps: 2,
  needsPeers: false,
  async run(bench) {
    const { processes, progress } = bench;
    progress.step("idle connections");
    const server = await processes.startDsmq();
    const echoServer = await startEcho(bench);
    const [ours, theirs] = [[], []] as AsyncDisposable[][];
    const memoryPerConnection = async (
      running: Running,
      into: AsyncDisposable[],
      open: () => Promise<AsyncDisposable>,
    ) => {
      // The second thousand: memory that grows only once is there already.
      while (into.length < CONNECTIONS) into.push(await open());
      const before = await settledMemory(running);
      while (into.length < 2 * CONNECTIONS) into.push(await open());
      return (await settledMemory(running) - before) / CONNECTIONS / 1000;
    };
    const memory = await memoryPerConnection(server, ours!, () => connectTo(server));
    const rawMemory = await memoryPerConnection(echoServer, theirs!, async () => {
      const echo = await Echo.open(echoServer.port);
      // Our client has exchanged a hello, too.
      await echo.call(MESSAGE);
      return { [Symbol.asyncDispose]: () => Promise.resolve(echo[Symbol.dispose]()) };
    });
    progress.step("an idle server");
    const before = await processorTime(server.pid);
    await new Promise((resolve) => setTimeout(resolve, WATCH_TIME));
    const percent = (await processorTime(server.pid) - before) / WATCH_TIME * 100;
    for (const connection of [...ours!, ...theirs!]) await connection[Symbol.asyncDispose]();
    return [{
      work: "memory of an idle connection, beyond a raw one",
      against: `(raw: ${rawMemory.toFixed(1)} kB)`,
      unit: "kB",
      ours: memory - rawMemory,
      goal: { atMost: 4 },
    }, {
      work: `CPU time with ${2 * CONNECTIONS} idle connections`,
      against: "",
      unit: "% of a core",
      ours: percent,
      goal: { atMost: 1 },
    }];
  },
};

/** From starting the process to the first reply. */
export const start: Scenario = {
  name: "start",
  steps: 1,
  needsPeers: false,
  async run(bench) {
    const { processes } = bench;
    const empty = new URL("../empty_server.ts", import.meta.url).pathname;
    const timeStart = async (
      run: () => Promise<Running>,
      ask: (server: Running) => Promise<void>,
    ) => {
      const begin = performance.now();
      const server = await run();
      await ask(server);
      const elapsed = performance.now() - begin;
      await processes.stop(server);
      return elapsed;
    };
    const found = await rounds({ ...bench, rounds: 3 * bench.rounds }, "time to start", {
      dsmq: () => timeStart(() => processes.startDsmq(), firstGet),
      empty: () =>
        timeStart(
          () => processes.startDeno((port) => [empty, `${port}`]),
          async ({ port }) => {
            await waitUntilListening(port);
            await (await fetch(`http://127.0.0.1:${port}/`)).text();
          },
        ),
    });
    const row: Row = {
      work: "start of the process to the first answered get",
      against: "an empty Deno.serve, to its first reply",
      unit: "ms, p50",
      ours: median(found.dsmq),
      theirs: median(found.empty),
      goal: { atMost: 1.5 },
    };
    return [row];
  },
};

async function firstGet({ port }: Running): Promise<void> {
  await waitUntilListening(port);
  await using mq = await connect({ port });
  await mq.get("start");
}

/** The resident memory of a server in bytes, once its garbage is collected. */
export async function settledMemory(server: Running): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_TIME));
  return await residentMemory(server);
}

/** The resident memory of a server in bytes. */
export async function residentMemory({ pid }: Running): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
}
