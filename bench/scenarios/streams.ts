/**
 * From a put to its subscribers, compared with NATS core.
 *
 * @module
 */

import { median } from "../../cli/measure/quantiles.ts";
import { type Bench, connectTo, rounds, type Scenario } from "../bench.ts";
import { deliver, MESSAGE } from "../client_calls.ts";
import { connectNats, NatsCore, startNats } from "../baselines/nats.ts";
import type { Row } from "../row.ts";

/** One subscriber. */
export const oneToOne: Scenario = {
  name: "one-to-one",
  steps: 1,
  needsPeers: true,
  run: (bench) => stream(bench, "put to subscribe, one to one", 1, 200_000, 1024),
};

/** A hundred subscribers, each with its own connection. */
export const fanOut: Scenario = {
  name: "fan-out",
  steps: 1,
  needsPeers: true,
  run: (bench) => stream(bench, "fan-out to 100 subscribers", 100, 10_000, 256),
};

async function stream(
  bench: Bench,
  work: string,
  subscribers: number,
  full: number,
  window: number,
): Promise<Row[]> {
  const { processes, scale } = bench;
  const count = Math.ceil(full * scale);
  const server = await processes.startDsmq();
  const nats = await startNats(processes);
  const everyone = Array.from({ length: subscribers });
  const putter = await connectTo(server);
  const readers = await Promise.all(everyone.map(() => connectTo(server)));
  const from = await connectNats(nats);
  const to = await Promise.all(everyone.map(() => connectNats(nats)));
  const perSecond = async (run: () => Promise<unknown>) => {
    const begin = performance.now();
    await run();
    return count * subscribers / (performance.now() - begin) * 1000;
  };
  const found = await rounds(bench, work, {
    dsmq: () => perSecond(() => deliver(putter, readers, count, window)),
    nats: () => perSecond(() => NatsCore.stream(from, to, count, window, MESSAGE)),
  });
  await Promise.all([...to, from].map((connection) => connection.close()));
  await Promise.all([...readers, putter].map((connection) => connection.close()));
  return [{
    work: `${work}, ${window} in flight`,
    against: "NATS core, unacknowledged",
    unit: "deliveries a second",
    ours: median(found.dsmq),
    theirs: median(found.nats),
    goal: { atLeast: 1 },
  }];
}
