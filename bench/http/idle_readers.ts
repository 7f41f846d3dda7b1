/**
 * The memory of readers of server-sent events that get nothing, beside that of raw streams.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { inTurn } from "../bench.ts";
import { type Processes, ROOT, type Running, serveArgs, waitUntilListening } from "../processes.ts";
import { residentMemory } from "../scenarios/server.ts";
import { EventReader } from "./event_reader.ts";
import { type HttpScenario, startBaseline } from "./http_scenario.ts";

/** How many more readers each round has. */
const READERS = 1_000;
/** The first thousand are not counted: memory that grows only once is there then. */
const WARM_UP = 1;
const ROUNDS = 5;

/** How long a server needs to collect its garbage, in milliseconds, and how often it is told to. */
const COLLECTION = { time: 500, times: 3 };

/**
 * Lets a server collect its garbage when it is told to, and gives new objects 16 MB at once: otherwise that grows to 16 MB once,
 * sooner for one server than for the other, and what it takes would count as memory of a few thousand readers.
 */
const COLLECTING = [
  "--v8-flags=--expose-gc,--min-semi-space-size=16,--max-semi-space-size=16",
  `--preload=${fileURLToPath(new URL("collect_garbage.ts", import.meta.url))}`,
];

/** Memory of each reader. */
export const idleReaders: HttpScenario = {
  name: "idle",
  async run(processes: Processes) {
    const server = await processes.startDeno((port) => [...COLLECTING, ...serveArgs(ROOT, port)]);
    const baseline = await startBaseline(processes, ...COLLECTING);
    // Before that a signal would end it.
    for (const { port } of [server, baseline]) await waitUntilListening(port);
    const readers: EventReader[] = [];
    const memoryOfEach = (running: Running, path: string) => async () => {
      const before = await memory(running);
      for (let i = 0; i < READERS; i++) readers.push(await EventReader.open(running.port, path));
      return (await memory(running) - before) / READERS / 1000;
    };
    const found = await inTurn(
      {
        ours: memoryOfEach(server, "/topics/idle"),
        theirs: memoryOfEach(baseline, "/"),
      },
      WARM_UP,
      ROUNDS,
    );
    for (const reader of readers) reader[Symbol.dispose]();
    return [{
      work: `memory of an idle reader of events, of ${READERS}`,
      against: "a raw stream of Deno.serve",
      unit: "kB",
      ...found,
      by: "difference",
      goal: { atMost: 6 },
    }];
  },
};

async function memory(server: Running): Promise<number> {
  for (let i = 0; i < COLLECTION.times; i++) {
    Deno.kill(server.pid, "SIGUSR2");
    await new Promise((resolve) => setTimeout(resolve, COLLECTION.time));
  }
  return await residentMemory(server);
}
