/**
 * Peers with a weak token, who may write and read a few topics and do as much of that as they get; and what an honest
 * neighbour notices of it.
 *
 * ```sh
 * deno run -A tests/faults/weak_tokens.ts builtin|hardened [memory|file] [PART_OF_A_NAME]
 * ```
 *
 * @module
 */

import { table } from "../../measure/table.ts";
import type { TransportChoice } from "../../server.ts";
import { ChildServer } from "./child_server.ts";
import { Hoarder } from "./hoarder.ts";
import { harmBy, Neighbour } from "./neighbour.ts";
import { GONE_SIZE } from "../../stores/gone_map.ts";
import { MOST_RUNS, RUN_SIZE } from "../../stores/put_once.ts";
import { MESSAGE_OVERHEAD } from "../../protocol/limits.ts";
import { RECORDS_PART } from "../../stores/admission.ts";
import { type Attack, ATTACKS } from "./weak_tokens_attacks.ts";

const MIB = 1024 * 1024;

/** No put of the neighbour may take longer, in milliseconds. */
const LONGEST = 100;

/** What all connections may have under way, and have yet to read. */
const UNDER_WAY = { totalInFlightBytes: 32 * MIB, totalUnreadBytes: 16 * MIB };

/** A body and a topic of these attacks take about so much, in bytes. */
const SMALL = 16;

/**
 * What memory the server may take: what it stores and remembers, counted as its limits count it; each topic twice, once
 * as one that holds messages and once as one of which something is gone; what is under way; and 64 MiB.
 */
function boundOf({ holds: { messages, topics, records = 0 }, options }: Attack): number {
  const most = options?.limits?.storedBytes ?? Infinity;
  const stored = Math.min(most, messages * (MESSAGE_OVERHEAD + SMALL));
  const remembered = Math.min(most * RECORDS_PART, Math.min(records, MOST_RUNS) * RUN_SIZE);
  const underWay = UNDER_WAY.totalInFlightBytes + UNDER_WAY.totalUnreadBytes;
  return stored + remembered + 2 * topics * GONE_SIZE + underWay + 64 * MIB;
}

const TOKENS = [
  { token: "good" },
  { token: "weak", rights: ["read", "write"] as const, topics: ["public.", "1", "2", "3"] },
];

async function main(transport: TransportChoice, kept: string, only: string): Promise<void> {
  const rows: string[][] = [];
  for (const [name, one] of Object.entries(ATTACKS)) {
    if (!name.includes(only)) continue;
    const { options = {}, attack } = one;
    const bound = boundOf(one);
    const folder = await Deno.makeTempDir();
    const file = `${folder}/queue.db`;
    const store = kept === "file" ? `sqlite:${file}` as const : "memory";
    const bytesOfFile = () =>
      ["", "-wal", "-shm"].reduce((sum, end) => sum + (sizeOf(file + end) ?? 0), 0);
    try {
      await using server = await ChildServer.start({
        transport,
        store,
        durability: "normal",
        tokens: TOKENS,
        ...options,
        limits: { ...UNDER_WAY, ...options.limits },
      });
      await using neighbour = await Neighbour.start(server.url, "good");
      const weak = await Hoarder.open(server.port);
      let saw = "";
      const harm = await harmBy(server, neighbour, async () => {
        saw = await attack(weak, server.port, bytesOfFile);
      });
      weak.cut();
      const { p99, longest, failed, grown, puts } = harm;
      const good = longest <= LONGEST && failed === 0 && grown <= bound;
      const figures = [`${puts}`, `${p99.toFixed(1)} ms`, `${longest.toFixed(0)} ms`];
      const memory = `${(grown / MIB).toFixed(0)} of ${(bound / MIB).toFixed(0)} MiB`;
      const cost = `${(weak.sent / MIB).toFixed(1)} MiB`;
      rows.push([name, cost, ...figures, memory, saw, good ? "yes" : "NO"]);
      if (!good) Deno.exitCode = 1;
    } catch (error) {
      rows.push([name, "", "", "", "", "", `${(error as Error).message}`.slice(0, 200), "NO"]);
      Deno.exitCode = 1;
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
    console.error(rows.at(-1)!.join("  "));
  }
  const head = ["attack", "sent", "puts", "p99", "longest", "memory", "seen", "good"];
  console.log(`One connection with a weak token beside a neighbour, ${transport}, ${kept}\n`);
  console.log(table(head, rows));
}

function sizeOf(path: string): number | undefined {
  try {
    return Deno.statSync(path).size;
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  const [transport = "hardened", kept = "memory", only = ""] = Deno.args;
  await main(transport as TransportChoice, kept, only);
  Deno.exit();
}
