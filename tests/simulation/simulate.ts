/**
 * Runs seeds of the simulation: a server, its store, its clients and the network in one process, on a clock of their own,
 * with everything that can go wrong. A seed repeats a run exactly. SERVERS is how many servers share a log; without it a seed has 1 to 3. CLIENTS that `move` go to any of them when their connection breaks. With a COUNT of 1 the history of the run is printed, too.
 *
 * ```sh
 * deno task simulate [COUNT] [SEED] [SERVERS] [CLIENTS]
 * ```
 *
 * @module
 */

import { argumentsOrExit } from "../faults/arguments.ts";
import { none, report } from "../faults/report.ts";
import { runSeeds } from "./seeds.ts";

/** How many seeds run unless somebody says it. */
const COUNT = 1000;

if (import.meta.main) {
  const given = argumentsOrExit({
    COUNT,
    SEED: Date.now() % 1_000_000,
    SERVERS: ["any", "1", "2", "3"],
    CLIENTS: ["stay", "move"],
  });
  console.log(`deno task simulate ${given.COUNT} ${given.SEED} ${given.SERVERS} ${given.CLIENTS}`);
  const settingOf = (seed: number) => ({
    servers: Number(given.SERVERS) || 1 + seed % 3,
    moves: given.CLIENTS === "move",
  });
  const { failed, counts } = await runSeeds(given.SEED, given.COUNT, (seed, history, faults) => {
    if (given.COUNT === 1) { for (const entry of history) console.log(JSON.stringify(entry)); }
    if (faults.length > 0) console.error(`seed ${seed}: ${faults[0]}`);
  }, settingOf);
  for (const text of failed.slice(0, 10)) console.error(text);
  const figures = Object.entries(counts).map(([kind, count]) => `${count} ${kind}`).join(", ");
  report("Simulation", [
    { what: `${given.COUNT} runs`, seen: figures, good: true },
    none("of them with a broken guarantee", failed.map((text) => text.split(":")[0]!)),
  ]);
}
