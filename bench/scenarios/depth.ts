/**
 * The cost of many stored messages, many topics, or many connections.
 *
 * @module
 */

import type { Connection } from "../../client.ts";
import { measureRate, timeSequentially } from "../../cli/measure/calls.ts";
import { median } from "../../cli/measure/quantiles.ts";
import { formatFigure } from "../../cli/measure/table.ts";
import { type Bench, blocks, connectTo, type Scenario } from "../bench.ts";
import { getMessage, MESSAGE } from "../client_calls.ts";
import type { Running } from "../processes.ts";
import type { Row } from "../row.ts";

const BLOCK = 200;

const CONNECTIONS = 1_000;

/** `put` and `get` with much of something, compared with little of it. */
export const depth: Scenario = {
  name: "depth",
  steps: 2,
  needsPeers: false,
  async run(bench) {
    bench.progress.step("filling");
    const little = await filled(bench, 1_000, 1);
    const messages = Math.ceil(1_000_000 * bench.scale);
    const topics = Math.ceil(100_000 * bench.scale);
    const deep = await filled(bench, messages, 1);
    const wide = await filled(bench, topics, Infinity);
    const crowded = await filled(bench, 1_000, 1);
    const crowd: Connection[] = [];
    while (crowd.length < CONNECTIONS) crowd.push(await connectTo(crowded));
    const turns: Record<string, () => Promise<number[]>> = {};
    for (const [name, server] of Object.entries({ little, deep, wide, crowded })) {
      const mq = await connectTo(server);
      turns[`put ${name}`] = () => timeSequentially(BLOCK, () => mq.put("0", MESSAGE));
      turns[`get ${name}`] = () =>
        reading(server, (reader) => timeSequentially(BLOCK, () => getMessage(reader, "0")));
      turns[`put 64 ${name}`] = () =>
        each(() => measureRate(10 * BLOCK, 64, () => mq.put("0", MESSAGE)));
      turns[`get 64 ${name}`] = () =>
        reading(
          server,
          (reader) => each(() => measureRate(4 * BLOCK, 64, () => getMessage(reader, "0"))),
        );
    }
    const times = await blocks(bench, "much of something", turns, true);
    await Promise.all(crowd.map((connection) => connection.close()));
    const row = (verb: string, work: string, name: string, much: string): Row => ({
      work: `${work} with ${much}`,
      against: "the same, beginning with 1,000 messages",
      unit: "µs a call, p50",
      ours: median(times[`${verb} ${name}`]!) * 1000,
      theirs: median(times[`${verb} little`]!) * 1000,
      goal: { atMost: 1.2 },
    });
    const much = {
      deep: `${formatFigure(messages)} messages`,
      wide: `${formatFigure(topics)} topics`,
      crowded: `${formatFigure(CONNECTIONS)} connections`,
    };
    return Object.entries(much).flatMap(([name, much]) => [
      row("put", "one put", name, much),
      row("get", "one get", name, much),
      row("put 64", "puts, 64 in flight,", name, much),
      row("get 64", "gets, 64 in flight,", name, much),
    ]);
  },
};

async function filled({ processes }: Bench, messages: number, topics: number): Promise<Running> {
  const server = await processes.startDsmq("--retention", "1h", "--max-topics", "1000000");
  await using mq = await connectTo(server);
  // The topic that is read always holds as many messages as a block reads.
  await mq.putMany("0", Array.from({ length: 1_000 }, () => MESSAGE));
  const left = messages - 1_000;
  if (topics === 1) {
    for (let put = 0; put < left; put += 10_000) {
      const many = Math.min(10_000, left - put);
      await mq.putMany("0", Array.from({ length: many }, () => MESSAGE));
    }
  } else await measureRate(left, 1024, (i) => mq.put(`${i + 1}`, MESSAGE));
  return server;
}

/** Reads from the first message on, each time with a new connection. */
async function reading(
  server: Running,
  work: (reader: Connection) => Promise<number[]>,
): Promise<number[]> {
  await using reader = await connectTo(server, "start");
  return await work(reader);
}

/** The time of a call while many are in flight, in milliseconds. */
async function each(perSecond: () => Promise<number>): Promise<number[]> {
  return [1000 / await perSecond()];
}
