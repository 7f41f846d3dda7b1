/**
 * Peers with a weak token, who may write and read a few topics and do as much of that as they get; and what an honest
 * neighbour notices of it. Linux alone.
 *
 * ```sh
 * deno run -A tests/faults/weak_tokens.ts [builtin|hardened] [memory|file] [PART_OF_A_NAME|K/N]
 * ```
 *
 * It takes about 40 s.
 *
 * @module
 */

import type { TransportChoice } from "../../server.ts";
import { mostMemory } from "./held_memory.ts";
import { Hoarder } from "./hoarder.ts";
import { MIB } from "./report.ts";
import { type Trial, tryAll } from "./trials.ts";
import { GONE_SIZE } from "../../stores/gone_map.ts";
import { MOST_RUNS, RUN_SIZE } from "../../stores/put_once.ts";
import { MESSAGE_OVERHEAD } from "../../protocol/limits.ts";
import { RECORDS_PART } from "../../stores/admission.ts";
import { type Attack, ATTACKS } from "./weak_tokens_attacks.ts";

/** What all connections may have under way, and have yet to read. */
const UNDER_WAY = { totalInFlightBytes: 32 * MIB, totalUnreadBytes: 16 * MIB };

/** A body and a topic of these attacks take about so much, in bytes. */
const SMALL = 16;

/**
 * What memory the server may take: what it stores and remembers, counted as its limits count it; each topic twice, once
 * as one that holds messages and once as one of which something is gone; and what is under way.
 */
function boundOf({ holds: { messages, topics, records = 0 }, options }: Attack): number {
  const most = options?.limits?.storedBytes ?? Infinity;
  const stored = Math.min(most, messages * (MESSAGE_OVERHEAD + SMALL));
  const remembered = Math.min(most * RECORDS_PART, Math.min(records, MOST_RUNS) * RUN_SIZE);
  const underWay = UNDER_WAY.totalInFlightBytes + UNDER_WAY.totalUnreadBytes;
  return mostMemory(1, stored + remembered + 2 * topics * GONE_SIZE + underWay);
}

const TOKENS = [
  { token: "good" },
  { token: "weak", rights: ["read", "write"] as const, topics: ["public.", "1", "2", "3"] },
];

function trial(name: string, one: Attack, path: string | undefined): Trial {
  const { options = {}, attack } = one;
  const bytesOfFile = () =>
    ["", "-wal", "-shm"].reduce((sum, end) => sum + (sizeOf(`${path}${end}`) ?? 0), 0);
  return {
    name,
    options: {
      store: path === undefined ? "memory" : `sqlite:${path}`,
      durability: "normal",
      tokens: TOKENS,
      ...options,
      limits: { ...UNDER_WAY, ...options.limits },
    },
    token: "good",
    memory: boundOf(one),
    async attack({ port }, crowd) {
      const weak = await Hoarder.open(port);
      crowd.defer(() => weak.cut());
      const seen = await attack(weak, port, bytesOfFile);
      return { connections: 1, bytes: weak.sent, seen };
    },
  };
}

function sizeOf(path: string): number | undefined {
  try {
    return Deno.statSync(path).size;
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  const [transport = "hardened", kept = "memory", which] = Deno.args;
  const folder = await Deno.makeTempDir();
  try {
    const trials = Object.entries(ATTACKS).map(([name, one], i) =>
      trial(name, one, kept === "file" ? `${folder}/${i}.db` : undefined)
    );
    await tryAll(`A weak token, ${kept}`, transport as TransportChoice, trials, which);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  Deno.exit();
}
