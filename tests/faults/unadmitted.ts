/**
 * Strangers without a token, at a server that asks for one, and what an honest neighbour notices of them.
 *
 * ```sh
 * deno run -A tests/faults/unadmitted.ts builtin|hardened [PART_OF_A_NAME]
 * ```
 *
 * @module
 */

import { table } from "../../measure/table.ts";
import type { TransportChoice } from "../../server.ts";
import { ChildServer } from "./child_server.ts";
import { harmBy, Neighbour } from "./neighbour.ts";
import { pause } from "./pause.ts";
import { sent } from "./stranger.ts";
import { ATTACKS } from "./unadmitted_attacks.ts";

const MIB = 1024 * 1024;

/** No put of the neighbour may take longer, in milliseconds. */
const LONGEST = 100;

async function main(transport: TransportChoice, only: string): Promise<void> {
  const rows: string[][] = [];
  for (const [name, { attack, grows = 64, hardenedAlone }] of Object.entries(ATTACKS)) {
    if (!name.includes(only)) continue;
    await using server = await ChildServer.start({ transport, token: "good" });
    await using neighbour = await Neighbour.start(server.url, "good");
    await pause(500);
    const before = { ...sent };
    let saw = "";
    try {
      const harm = await harmBy(
        server,
        neighbour,
        async () => void (saw = await attack(server.port)),
      );
      const { p99, longest, failed, grown, puts } = harm;
      const isStated = hardenedAlone === true && transport === "builtin";
      const good = isStated || (longest <= LONGEST && failed === 0 && grown <= grows * MIB);
      const cost = `${sent.connections - before.connections}`;
      const bytes = `${((sent.bytes - before.bytes) / MIB).toFixed(1)} MiB`;
      const noticed = [`${puts}`, `${p99.toFixed(1)} ms`, `${longest.toFixed(0)} ms`];
      const verdict = isStated ? "stated" : good ? "yes" : "NO";
      rows.push([name, cost, bytes, ...noticed, `${(grown / MIB).toFixed(0)} MiB`, saw, verdict]);
      if (!good) Deno.exitCode = 1;
    } catch (error) {
      rows.push([name, "", "", "", "", "", "", (error as Error).message.slice(0, 99), "NO"]);
      Deno.exitCode = 1;
    }
    console.error(rows.at(-1)!.join("  "));
  }
  const head = [
    "attack",
    "connections",
    "sent",
    "puts",
    "p99",
    "longest",
    "memory",
    "seen",
    "good",
  ];
  console.log(`Strangers without a token beside a neighbour, ${transport}\n`);
  console.log(table(head, rows));
}

if (import.meta.main) {
  const [transport = "hardened", only = ""] = Deno.args;
  await main(transport as TransportChoice, only);
  Deno.exit();
}
