/**
 * Hoarders: peers whose token may read one topic, and who take as many cursors, waits and subscriptions as they get, make
 * and drop thousands at once, and let their requests pile up; and what an honest neighbour notices of it.
 *
 * ```sh
 * deno run -A tests/faults/hoarders.ts builtin|hardened [PART_OF_A_NAME] [HEAP_MB]
 * ```
 *
 * @module
 */

import { table } from "../../measure/table.ts";
import { type ServerLimits, USUAL_LIMITS } from "../../protocol/limits.ts";
import { fitted, memoryOf } from "../../server/memory.ts";
import { ATTACKS } from "./hoarders_attacks.ts";
import { Hoarder } from "./hoarder.ts";
import type { TransportChoice } from "../../server.ts";
import { ChildServer } from "./child_server.ts";
import { harmBy, Neighbour } from "./neighbour.ts";

const MIB = 1024 * 1024;

/** No put of the neighbour may take longer, in milliseconds. */
const LONGEST = 100;

/** What the server is held to: the sums are small, so that they are reached. */
const LIMITS = {
  topicBytes: 64,
  totalCursors: 250_000,
  totalWaits: 250_000,
  totalSubscriptions: 50_000,
  totalInFlightBytes: 128 * MIB,
  totalUnreadBytes: 32 * MIB,
  totalPartialBytes: 32 * MIB,
};

/** What a server takes that holds nothing: the garbage of what it has done, and what V8 compiles; and a connection at rest. */
const [SLACK, AT_REST] = [64 * MIB, 20 * 1024];

/** What it is held to with a heap that is this small, in MiB: what nobody has set then fits it. */
function limitsOf(heap: number | undefined): typeof LIMITS {
  if (heap === undefined) return LIMITS;
  const { topicBytes } = LIMITS;
  const fitting = fitted({ ...USUAL_LIMITS, topicBytes }, {}, heap * MIB);
  const names = Object.keys(LIMITS) as (keyof typeof LIMITS & keyof ServerLimits)[];
  return Object.fromEntries(names.map((name) => [name, fitting[name]])) as typeof LIMITS;
}

async function main(transport: TransportChoice, only: string, heap?: number): Promise<void> {
  const rows: string[][] = [];
  const limits = limitsOf(heap);
  for (const [name, { connections, attack }] of Object.entries(ATTACKS)) {
    if (!name.includes(only)) continue;
    // All that the limits bound, were all of it taken at once, beside what connections and the process take anyway.
    const most = memoryOf(limits) + SLACK + connections * AT_REST;
    const tokens = [{ token: "good" }, {
      token: "weak",
      rights: ["read" as const],
      topics: ["neighbour"],
    }];
    await using server = await ChildServer.start({ transport, tokens, limits }, undefined, heap);
    await using neighbour = await Neighbour.start(server.url, "good");
    const hoarders: Hoarder[] = [];
    let said = "";
    try {
      const harm = await harmBy(server, neighbour, async () => {
        for (let i = 0; i < connections; i++) hoarders.push(await Hoarder.open(server.port));
        said = await attack(hoarders);
      });
      const { p99, longest, failed, grown, puts } = harm;
      const good = longest <= LONGEST && failed === 0 && grown <= most;
      const { heap: held } = await server.report("gc");
      const cost = `${connections}, ${(sum(hoarders) / MIB).toFixed(1)} MiB`;
      const figures = [`${puts}`, `${p99.toFixed(1)} ms`, `${longest.toFixed(0)} ms`];
      const memory = `${mib(grown)} of ${mib(most)}`;
      rows.push([name, cost, ...figures, memory, mib(held), said, good ? "yes" : "NO"]);
      if (!good) Deno.exitCode = 1;
    } catch (error) {
      rows.push([
        name,
        `${connections}`,
        ...["", "", "", "", ""],
        `${(error as Error).message}`.slice(0, 99),
        "NO",
      ]);
      Deno.exitCode = 1;
    } finally {
      for (const hoarder of hoarders) hoarder.cut();
    }
    console.error(rows.at(-1)!.join("  "));
  }
  const head = [
    "attack",
    "connections, sent",
    "puts",
    "p99",
    "longest",
    "memory",
    "heap after gc",
    "seen",
    "good",
  ];
  console.log(`Hoarders beside a neighbour, ${transport}\n`);
  console.log(table(head, rows));
}

const mib = (bytes: number) => `${(bytes / MIB).toFixed(0)} MiB`;

function sum(hoarders: readonly Hoarder[]): number {
  return hoarders.reduce((all, { sent }) => all + sent, 0);
}

if (import.meta.main) {
  const [transport = "hardened", only = "", heap] = Deno.args;
  await main(transport as TransportChoice, only, heap === undefined ? undefined : Number(heap));
  Deno.exit();
}
