/**
 * The latency of one call at a time, compared with a raw echo.
 *
 * @module
 */

import { timeSequentially } from "../../cli/measure/calls.ts";
import { median, quantile } from "../../cli/measure/quantiles.ts";
import { type Bench, blocks, connectTo, type Scenario } from "../bench.ts";
import { MESSAGE, wakeTimes } from "../client_calls.ts";
import { DIAL, Echo } from "../baselines/echo.ts";
import type { Row } from "../row.ts";

/** Calls in a row, before the next measurement has its turn. */
const BLOCK = 200;

const SIZES = [1_100, 8_000, 60_000];

/** A `put`, a `get`, and waking a `getWait`. */
export const oneCall: Scenario = {
  name: "one-call",
  steps: 1,
  needsPeers: false,
  async run(bench) {
    const { processes } = bench;
    const server = await processes.startDsmq();
    const echoServer = await startEcho(bench);
    await using putter = await connectTo(server);
    await using getter = await connectTo(server);
    await using waiter = await connectTo(server);
    using echo = await Echo.open(echoServer.port);
    const times = await blocks(bench, "one put, get and getWait", {
      echo: () => timeSequentially(BLOCK, () => echo.call(MESSAGE)),
      put: () => timeSequentially(BLOCK, () => putter.put("one", MESSAGE)),
      // As many as were put just before.
      get: () => timeSequentially(BLOCK, () => getter.get("one")),
      wake: () => wakeTimes(BLOCK, putter, waiter, getter),
    });
    const theirs = median(times.echo) * 1000;
    const row = (work: string, of: readonly number[], atMost: number): Row => ({
      work,
      against: "raw echo of 64 B",
      unit: "µs, p50",
      ours: median(of) * 1000,
      theirs,
      goal: { atMost },
    });
    return [
      row("one put", times.put, 1.1),
      row("one get of a waiting message", times.get, 1.15),
      row("waking a getWait", times.wake, 1.2),
    ];
  },
};

/** Larger messages. Deno's own WebSocket stalls with them, so the raw echo uses ours. */
export const sizes: Scenario = {
  name: "sizes",
  steps: 1,
  needsPeers: false,
  async run(bench) {
    const server = await bench.processes.startDsmq();
    const echoServer = await startEcho(bench);
    await using mq = await connectTo(server);
    using echo = await Echo.open(echoServer.port, DIAL.ours);
    const all = [64, ...SIZES];
    const times = await blocks(bench, "larger messages", {
      ...Object.fromEntries(all.map((size) => {
        const text = "m".repeat(size);
        return [`echo ${size}`, () => timeSequentially(BLOCK, () => echo.call(text))];
      })),
      ...Object.fromEntries(all.map((size) => {
        const text = "m".repeat(size);
        return [`put ${size}`, () => timeSequentially(BLOCK, () => mq.put("sizes", text))];
      })),
    });
    const p50 = (name: string) => median(times[name]!) * 1000;
    return SIZES.flatMap((size): Row[] => [
      {
        work: `one put of ${size} B`,
        against: "one put of 64 B and the raw echo's difference",
        unit: "µs, p50",
        ours: p50(`put ${size}`),
        theirs: p50("put 64") + Math.max(0, p50(`echo ${size}`) - p50("echo 64")),
        goal: { atMost: 1.5 },
      },
      {
        work: `one put of ${size} B`,
        against: "",
        unit: "ms, p99",
        ours: quantile(times[`put ${size}`]!, 0.99),
        goal: { atMost: 5 },
      },
    ]);
  },
};

/** Starts the raw echo. */
export function startEcho({ processes }: Bench): Promise<{ port: number; pid: number }> {
  const program = new URL("../echo_server.ts", import.meta.url).pathname;
  return processes.startDeno((port) => [program, `${port}`]);
}
