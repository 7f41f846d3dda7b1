/**
 * Throughput with many calls in flight, compared with Redis and JetStream.
 *
 * @module
 */

import { measureRate } from "../../cli/measure/calls.ts";
import { median } from "../../cli/measure/quantiles.ts";
import { connectTo, rounds, type Scenario } from "../bench.ts";
import { getMessage, MESSAGE } from "../client_calls.ts";
import { JetStream } from "../baselines/jet_stream.ts";
import { connectNats, startNats } from "../baselines/nats.ts";
import { Redis } from "../baselines/redis.ts";
import type { Row } from "../row.ts";

const WINDOWS = [64, 1024];

/** Acknowledged `put`s. */
export const puts: Scenario = {
  name: "puts",
  steps: WINDOWS.length,
  needsPeers: true,
  async run(bench) {
    const { processes, scale } = bench;
    const server = await processes.startDsmq();
    await using redis = await Redis.open(processes);
    const nats = await connectNats(await startNats(processes));
    const stream = await JetStream.open(nats);
    await using mq = await connectTo(server);
    const rows: Row[] = [];
    for (const window of WINDOWS) {
      const count = Math.ceil(200_000 * scale);
      const found = await rounds(bench, `puts, ${window} in flight`, {
        dsmq: () => measureRate(count, window, () => mq.put("puts", MESSAGE)),
        redis: () => measureRate(count, window, () => redis.put(MESSAGE)),
        jetStream: () => measureRate(Math.ceil(count / 5), window, () => stream.put(MESSAGE)),
      });
      const row = (against: string, theirs: readonly number[], atLeast: number): Row => ({
        work: `acknowledged puts, ${window} in flight`,
        against,
        unit: "a second",
        ours: median(found.dsmq),
        theirs: median(theirs),
        goal: { atLeast },
      });
      rows.push(
        row("Redis XADD", found.redis, 1.5),
        row("JetStream publish, in memory", found.jetStream, 8),
      );
    }
    await nats.close();
    return rows;
  },
};

/** `get`s of stored messages. */
export const gets: Scenario = {
  name: "gets",
  steps: WINDOWS.length,
  needsPeers: true,
  async run(bench) {
    const { processes, scale } = bench;
    const server = await processes.startDsmq();
    await using redis = await Redis.open(processes);
    await using mq = await connectTo(server);
    const count = Math.ceil(200_000 * scale);
    const ids: string[] = ["0-0"];
    await measureRate(count, 1024, () => mq.put("gets", MESSAGE));
    await measureRate(count, 1024, async (i) => void (ids[i + 1] = await redis.put(MESSAGE)));
    const rows: Row[] = [];
    for (const window of WINDOWS) {
      const found = await rounds(bench, `gets, ${window} in flight`, {
        async dsmq() {
          // For a new connection all of them are unread.
          await using reader = await connectTo(server, "start");
          return await measureRate(count, window, () => getMessage(reader, "gets"));
        },
        redis: () => measureRate(count, window, (i) => redis.get(ids[i]!)),
      });
      rows.push({
        work: `gets, ${window} in flight`,
        against: "Redis XRANGE … COUNT 1",
        unit: "a second",
        ours: median(found.dsmq),
        theirs: median(found.redis),
        goal: { atLeast: 1.5 },
      });
    }
    return rows;
  },
};
