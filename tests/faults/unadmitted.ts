/**
 * Strangers without a token, at a server that asks for one, and what an honest neighbour notices of them. Linux alone.
 *
 * ```sh
 * deno run -A tests/faults/unadmitted.ts [builtin|hardened] [PART_OF_A_NAME|K/N]
 * ```
 *
 * It takes about 100 s; 1/2 and 2/2 take half of that each.
 *
 * @module
 */

import { FIRST_BYTES, USUAL_LIMITS } from "../../protocol/limits.ts";
import type { TransportChoice } from "../../server.ts";
import { MEMORY_LIMITS, mostMemory } from "./held_memory.ts";
import { sent } from "./stranger.ts";
import { type Trial, tryAll } from "./trials.ts";
import { ATTACKS } from "./unadmitted_attacks.ts";

/** What those can have the server hold who are not admitted: what has not come whole, and a little on each seat. */
const HELD = MEMORY_LIMITS.totalPartialBytes + USUAL_LIMITS.pendingConnections * FIRST_BYTES;

if (import.meta.main) {
  const [transport = "hardened", which] = Deno.args;
  const trials = Object.entries(ATTACKS).map(([name, { atOnce, builtin, attack }]): Trial => ({
    name,
    options: { token: "good", limits: MEMORY_LIMITS },
    token: "good",
    memory: mostMemory(atOnce, HELD),
    builtin,
    async attack({ port }) {
      const before = { ...sent };
      const seen = await attack(port) ?? "";
      const connections = sent.connections - before.connections;
      return { connections, bytes: sent.bytes - before.bytes, seen };
    },
  }));
  await tryAll("Strangers without a token", transport as TransportChoice, trials, which);
  Deno.exit();
}
