/**
 * Peers with a weak token that may write and read a few topics, and do as much of that as they can; and what an honest
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
import { maxMemory } from "./memory_limits.ts";
import { Flooder } from "./flooder.ts";
import { MIB } from "./report.ts";
import { type AttackRun, runAttacks } from "./attack_runner.ts";
import { GONE_TOPIC_BYTES } from "../../stores/gone_map.ts";
import { MESSAGE_OVERHEAD } from "../../protocol/limits.ts";
import { MAX_RUNS, RECORDS_PART, RUN_BYTES } from "../../stores/store_limits.ts";
import { type Attack, ATTACKS } from "./weak_tokens_attacks.ts";

/** The limits of queued and unread data of all connections. */
const IN_FLIGHT_BYTES = { totalInFlightBytes: 32 * MIB, totalUnreadBytes: 16 * MIB };

/** The approximate size of a body and a topic of these attacks, in bytes. */
const SMALL = 16;

/**
 * How much memory the server may take: what it stores and remembers, counted as its limits count it; each topic twice, once
 * for its messages and once for its gaps; and the work in progress.
 */
function boundOf({ capacity: { messages, topics, records = 0 }, options }: Attack): number {
  const max = options?.limits?.storedBytes ?? Infinity;
  const stored = Math.min(max, messages * (MESSAGE_OVERHEAD + SMALL));
  const remembered = Math.min(max * RECORDS_PART, Math.min(records, MAX_RUNS) * RUN_BYTES);
  const inFlightBytes = IN_FLIGHT_BYTES.totalInFlightBytes + IN_FLIGHT_BYTES.totalUnreadBytes;
  return maxMemory(1, stored + remembered + 2 * topics * GONE_TOPIC_BYTES + inFlightBytes);
}

const TOKENS = [
  { token: "good" },
  { token: "weak", permissions: ["read", "write"] as const, prefixes: ["public.", "1", "2", "3"] },
];

function trial(name: string, one: Attack, path: string | undefined): AttackRun {
  const { options = {}, attack } = one;
  const bytesOfFile = () =>
    ["", "-wal", "-shm"].reduce((sum, end) => sum + (sizeOf(`${path}${end}`) ?? 0), 0);
  return {
    name,
    options: {
      ...(path !== undefined && { store: `sqlite:${path}`, durability: "process" }),
      auth: { tokens: TOKENS },
      ...options,
      limits: { ...IN_FLIGHT_BYTES, ...options.limits },
    },
    token: "good",
    memory: boundOf(one),
    async attack({ port }, stack) {
      const flooder = await Flooder.open(port);
      stack.defer(() => flooder.cut());
      const seen = await attack(flooder, port, bytesOfFile);
      return { connections: 1, bytes: flooder.sent, seen };
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
  const [transport = "hardened", storeName = "memory", which] = Deno.args;
  const folder = await Deno.makeTempDir();
  try {
    const trials = Object.entries(ATTACKS).map(([name, one], i) =>
      trial(name, one, storeName === "file" ? `${folder}/${i}.db` : undefined)
    );
    await runAttacks(`A weak token, ${storeName}`, transport as TransportChoice, trials, which);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  Deno.exit();
}
