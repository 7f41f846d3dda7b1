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
import { ATTACKS } from "./hoarders_attacks.ts";
import { Hoarder } from "./hoarder.ts";
import type { TransportChoice } from "../../server.ts";
import { ChildServer } from "./child_server.ts";
import { harmBy, Neighbour } from "./neighbour.ts";

const MIB = 1024 * 1024;

/** No put of the neighbour may take longer, in milliseconds. */
const LONGEST = 100;

async function main(transport: TransportChoice, only: string, heap?: number): Promise<void> {
  const rows: string[][] = [];
  for (const [name, { connections, limits = {}, grows, attack }] of Object.entries(ATTACKS)) {
    if (!name.includes(only)) continue;
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
      const good = longest <= LONGEST && failed === 0 && grown <= grows * MIB;
      const cost = `${connections}, ${(sum(hoarders) / MIB).toFixed(1)} MiB`;
      const figures = [`${puts}`, `${p99.toFixed(1)} ms`, `${longest.toFixed(0)} ms`];
      const memory = `${(grown / MIB).toFixed(0)} of ${grows} MiB`;
      rows.push([name, cost, ...figures, memory, said, good ? "yes" : "NO"]);
      if (!good) Deno.exitCode = 1;
    } catch (error) {
      rows.push([
        name,
        `${connections}`,
        "",
        "",
        "",
        "",
        `${(error as Error).message}`.slice(0, 99),
        "NO",
      ]);
      Deno.exitCode = 1;
    } finally {
      for (const hoarder of hoarders) hoarder.cut();
    }
    console.error(rows.at(-1)!.join("  "));
  }
  const head = ["attack", "connections, sent", "puts", "p99", "longest", "memory", "seen", "good"];
  console.log(`Hoarders beside a neighbour, ${transport}\n`);
  console.log(table(head, rows));
}

function sum(hoarders: readonly Hoarder[]): number {
  return hoarders.reduce((all, { sent }) => all + sent, 0);
}

if (import.meta.main) {
  const [transport = "hardened", only = "", heap] = Deno.args;
  await main(transport as TransportChoice, only, heap === undefined ? undefined : Number(heap));
  Deno.exit();
}
