/**
 * Attackers without a token, at a server that requires one, and what an honest neighbour notices of them. Linux alone.
 *
 * ```sh
 * deno run -A tests/faults/unauthenticated.ts [builtin|hardened] [PART_OF_A_NAME|K/N]
 * ```
 *
 * It takes about 100 s; 1/2 and 2/2 take half of that each.
 *
 * @module
 */

import { PREAUTH_BYTES } from "../../protocol/frame_sizes.ts";
import { DEFAULT_LIMITS } from "../../protocol/limits.ts";
import type { TransportChoice } from "../../server.ts";
import { maxMemory, MEMORY_LIMITS } from "./memory_limits.ts";
import { sent } from "./attacker.ts";
import { type AttackRun, runAttacks } from "./attack_runner.ts";
import { ATTACKS } from "./unauthenticated_attacks.ts";

/** What unauthenticated connections can make the server hold: incomplete frames, and a little in each slot. */
const MAX_HELD = MEMORY_LIMITS.totalPartialBytes +
  DEFAULT_LIMITS.pendingConnections * PREAUTH_BYTES;

if (import.meta.main) {
  const [transport = "hardened", which] = Deno.args;
  const trials = Object.entries(ATTACKS).map(([name, { atOnce, builtin, attack }]): AttackRun => ({
    name,
    options: { auth: "good", limits: MEMORY_LIMITS },
    token: "good",
    memory: maxMemory(atOnce, MAX_HELD),
    builtin,
    async attack({ port }) {
      const before = { ...sent };
      const seen = await attack(port) ?? "";
      const connections = sent.connections - before.connections;
      return { connections, bytes: sent.bytes - before.bytes, seen };
    },
  }));
  await runAttacks("Attackers without a token", transport as TransportChoice, trials, which);
  Deno.exit();
}
