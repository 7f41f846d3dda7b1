/**
 * Peers whose token may read one topic, and that take as many cursors, waits and subscriptions as they get, start
 * and end thousands at once, and let their requests pile up; and what an honest neighbour notices of it. Linux alone.
 *
 * ```sh
 * deno run -A tests/faults/resource_holders.ts [builtin|hardened] [PART_OF_A_NAME|K/N] [HEAP_MB]
 * ```
 *
 * It takes about 80 s.
 *
 * @module
 */

import { DEFAULT_LIMITS, type ServerLimits } from "../../protocol/limits.ts";
import type { TransportChoice } from "../../server.ts";
import { fitToHeap, memoryFor } from "../../server/heap_limits.ts";
import { maxMemory } from "./memory_limits.ts";
import { Flooder } from "./flooder.ts";
import { ATTACKS } from "./resource_attacks.ts";
import { MIB } from "./report.ts";
import { type AttackRun, runAttacks } from "./attack_runner.ts";

/** The limits of the server: small, so that they are reached. */
const LIMITS = {
  topicBytes: 64,
  totalCursors: 250_000,
  totalWaits: 250_000,
  totalSubscriptions: 50_000,
  totalInFlightBytes: 128 * MIB,
  totalUnreadBytes: 32 * MIB,
  totalPartialBytes: 32 * MIB,
};

const TOKENS = [
  { token: "good" },
  { token: "weak", permissions: ["read"] as const, prefixes: ["neighbour"] },
];

/** A small heap, in MiB: the limits that are not set then follow from it. */
function limitsOf(heap: number | undefined): typeof LIMITS {
  if (heap === undefined) return LIMITS;
  const { topicBytes } = LIMITS;
  const fitting = fitToHeap({ ...DEFAULT_LIMITS, topicBytes }, {}, heap * MIB);
  const names = Object.keys(LIMITS) as (keyof typeof LIMITS & keyof ServerLimits)[];
  return Object.fromEntries(names.map((name) => [name, fitting[name]])) as typeof LIMITS;
}

if (import.meta.main) {
  const [transport = "hardened", which, heapMb] = Deno.args;
  const heap = heapMb === undefined ? undefined : Number(heapMb);
  const limits = limitsOf(heap);
  const trials = Object.entries(ATTACKS).map((
    [name, { connections, builtin, attack }],
  ): AttackRun => ({
    name,
    heap,
    options: { auth: { tokens: TOKENS }, limits },
    token: "good",
    memory: maxMemory(connections, memoryFor(limits)),
    builtin,
    async attack({ port }, stack) {
      const flooders: Flooder[] = [];
      for (let i = 0; i < connections; i++) {
        const flooder = await Flooder.open(port);
        stack.defer(() => flooder.cut());
        flooders.push(flooder);
      }
      const seen = await attack(flooders);
      return { connections, bytes: flooders.reduce((sum, { sent }) => sum + sent, 0), seen };
    },
  }));
  await runAttacks("Held resources", transport as TransportChoice, trials, which);
  Deno.exit();
}
