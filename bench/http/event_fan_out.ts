/**
 * One topic to a hundred readers of server-sent events, beside as many subscriptions over WebSockets.
 *
 * @module
 */

import type { Connection } from "../../client.ts";
import { measureRate } from "../../cli/measure/calls.ts";
import { connectTo, inTurn } from "../bench.ts";
import { MESSAGE } from "../client_calls.ts";
import type { Processes, Running } from "../processes.ts";
import type { HttpComparison } from "./comparison.ts";
import { EventReader } from "./event_reader.ts";
import { column, type HttpSample, type HttpScenario, sample } from "./http_scenario.ts";

const READERS = 100;
const WARM_UP = 1;
const ROUNDS = 7;
const TOPIC = "stream";

/** How messages are put: each load the same for both. */
interface Load {
  readonly name: string;
  /** How many messages a round has. */
  readonly count: number;
  /** Puts them. */
  put(putter: Connection, arrivals: Arrivals, count: number): Promise<unknown>;
  readonly goal?: HttpComparison["goal"];
}

/** The next batch is put when all readers have the last one, so all get the same batches. */
function batchesOf(size: number, count: number): Load {
  const batch = Array.from({ length: size }, () => MESSAGE);
  return {
    name: `in batches of ${size}`,
    count,
    async put(putter, arrivals) {
      for (let put = size; put <= count; put += size) {
        await putter.putMany(TOPIC, batch);
        await arrivals.total(put * READERS);
      }
    },
  };
}

const LOADS: readonly Load[] = [
  batchesOf(1, 400),
  batchesOf(64, 3_200),
  {
    // As the fan-out of the WebSocket is measured.
    name: "256 in flight",
    count: 5_000,
    put: (putter, _, count) => measureRate(count, 256, () => putter.put(TOPIC, MESSAGE)),
    goal: { atMost: 2 },
  },
];

/** CPU time for each delivery. */
export const eventFanOut: HttpScenario = {
  name: "fan-out",
  async run(processes) {
    const rows: HttpComparison[] = [];
    for (const load of LOADS) rows.push(await measureLoad(processes, load));
    return rows;
  },
};

async function measureLoad(processes: Processes, load: Load): Promise<HttpComparison> {
  const server = await processes.startDsmq();
  await using putter = await connectTo(server);
  const found = await inTurn(
    {
      ours: () => round(server, putter, load, openEvents),
      theirs: () => round(server, putter, load, openSubscription),
    },
    WARM_UP,
    ROUNDS,
    true,
  );
  return {
    work: `events to ${READERS} readers, ${load.name}, CPU of the server`,
    against: "subscriptions over the WebSocket",
    unit: "µs a delivery",
    ours: column(found.ours, "cpu"),
    theirs: column(found.theirs, "cpu"),
    by: "ratio",
    ...(load.goal && { goal: load.goal }),
  };
}

/** Opens a reader that reads all that comes from then on. */
type OpenReader = (server: Running, onArrived: (count: number) => void) => Promise<() => unknown>;

const openEvents: OpenReader = async ({ port }, onArrived) => {
  const reader = await EventReader.open(port, `/topics/${TOPIC}?after=now`, onArrived);
  return () => reader[Symbol.dispose]();
};

const openSubscription: OpenReader = async (server, onArrived) => {
  const connection = await connectTo(server);
  const messages = connection.subscribe(TOPIC, { since: "now" });
  void (async () => {
    for await (const _ of messages) onArrived(1);
  })();
  // The reply to this comes after the reply to the subscription.
  await connection.get("nothing");
  return () => connection.close();
};

/** Readers come before it and leave after it: that is not measured. */
async function round(
  server: Running,
  putter: Connection,
  { count, put }: Load,
  open: OpenReader,
): Promise<HttpSample> {
  const arrivals = new Arrivals();
  const onArrived = (count: number) => arrivals.add(count);
  const closers = await Promise.all(Array.from({ length: READERS }, () => open(server, onArrived)));
  const found = await sample(server, count * READERS, async () => {
    const begin = performance.now();
    await put(putter, arrivals, count);
    await arrivals.total(count * READERS);
    return performance.now() - begin;
  });
  await Promise.all(closers.map((close) => close()));
  return found;
}

/** Counts what has arrived. */
class Arrivals {
  #count = 0;
  #wanted = Infinity;
  #resolve: () => void = () => {};

  add(count: number): void {
    this.#count += count;
    if (this.#count >= this.#wanted) this.#resolve();
  }

  /** Resolves when this many have arrived in all. */
  async total(count: number): Promise<void> {
    this.#wanted = count;
    if (this.#count < count) await new Promise<void>((resolve) => this.#resolve = resolve);
    if (this.#count > count) throw new Error(`${this.#count} messages arrived instead of ${count}`);
  }
}
