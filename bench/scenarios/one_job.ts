/**
 * How long one job takes to its handler, compared with a raw echo.
 *
 * @module
 */

import type { Connection } from "../../client.ts";
import { timeSequentially } from "../../cli/measure/calls.ts";
import { median } from "../../cli/measure/quantiles.ts";
import { Echo } from "../baselines/echo.ts";
import { blocks, connectTo, type Scenario } from "../bench.ts";
import { MESSAGE } from "../client_calls.ts";
import { pairedRow } from "../row.ts";
import { startEcho } from "./one_call.ts";

/** Jobs one after another, before the next measurement has its turn. */
const BLOCK = 200;

/** A job that is put while the worker has none. */
export const oneJob: Scenario = {
  name: "one-job",
  steps: 1,
  needsPeers: false,
  async run(bench) {
    const server = await bench.processes.startDsmq();
    const echoServer = await startEcho(bench);
    await using putter = await connectTo(server);
    await using mq = await connectTo(server);
    await using other = await connectTo(server);
    using echo = await Echo.open(echoServer.port);
    const arrivals = new Arrivals();
    await using _worker = mq.work("one", () => arrivals.arrive());
    const times = await blocks(bench, "one job", {
      echo: () => timeSequentially(BLOCK, () => echo.call(MESSAGE)),
      job: () => jobTimes(BLOCK, arrivals, putter, other),
    });
    const what = {
      work: "one job, from its put to its handler",
      against: "raw echo of 64 B",
      unit: "µs, p50",
      goal: { atMost: 1.35 },
    };
    return [pairedRow(what, mediansOfBlocks(times.job), mediansOfBlocks(times.echo))];
  },
};

/** When jobs arrive in the handler. */
class Arrivals {
  #arrived = Promise.withResolvers<number>();

  /** The time of the next one, as `performance.now()` has it. */
  next(): Promise<number> {
    this.#arrived = Promise.withResolvers();
    return this.#arrived.promise;
  }

  /** A job is in the handler. */
  arrive(): void {
    this.#arrived.resolve(performance.now());
  }
}

async function jobTimes(
  count: number,
  arrivals: Arrivals,
  putter: Connection,
  other: Connection,
): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const arrival = arrivals.next();
    const begin = performance.now();
    const put = putter.put("one", MESSAGE);
    times.push(await arrival - begin);
    await put;
    // When this is answered the server has read that the job is done, so the worker has a place for the next one. The worker's own
    // connection would make that certain, but the system would then send a TCP acknowledgement during the measurement.
    await other.get("nothing");
  }
  return times;
}

/** The medians of each block, in the order of the blocks. */
function mediansOfBlocks(times: readonly number[]): number[] {
  const count = Math.floor(times.length / BLOCK);
  return Array.from(
    { length: count },
    (_, i) => 1000 * median(times.slice(i * BLOCK, (i + 1) * BLOCK)),
  );
}
