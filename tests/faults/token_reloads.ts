/**
 * New tokens, as at SIGHUP, while peers with a weak one hold as much as they may: what is no longer permitted ends,
 * each is told, and an honest neighbour does not notice.
 *
 * ```sh
 * deno run -A tests/faults/token_reloads.ts builtin|hardened [PART_OF_A_NAME | 1/2]
 * ```
 *
 * It takes about 100 s, half of that for each of `1/2` and `2/2`.
 *
 * @module
 */

import type { TokenGrant, TransportChoice } from "../../server.ts";
import type { ChildServer } from "./child_server.ts";
import { maxMemory } from "./memory_limits.ts";
import type { Flooder } from "./flooder.ts";
import {
  GOOD,
  memoryOfUse,
  RESOURCE_LIMITS,
  RESOURCE_USES,
  type ResourceUse,
  totalReceived,
  useResources,
  WEAK,
} from "./held_resources.ts";
import { sleep, until } from "./sleep.ts";
import { type AttackRun, runAttacks } from "./attack_runner.ts";

/** How the tokens change. */
interface Change {
  readonly name: string;
  readonly tokens: readonly TokenGrant[];
  /** How often, 50 ms apart, and back in between. */
  readonly times?: number;
  /** The connections end. */
  readonly ends?: boolean;
}

const CHANGES: readonly Change[] = [
  {
    name: "whose token now may read other topics",
    tokens: [GOOD, { ...WEAK, prefixes: ["other"] }],
  },
  { name: "whose token is revoked", tokens: [GOOD], ends: true },
  {
    name: "whose token changes 40 times",
    tokens: [GOOD, { ...WEAK, permissions: ["read"] }],
    times: 40,
  },
];

/** How long the notices may take, in milliseconds. */
const NOTIFY_TIMEOUT = 10_000;

function trial(use: ResourceUse, { name, tokens, times = 1, ends = false }: Change): AttackRun {
  return {
    name: `${use.name}, ${name}`,
    options: { auth: { tokens: [GOOD, WEAK] }, limits: RESOURCE_LIMITS },
    token: GOOD.token,
    memory: maxMemory(use.connections, memoryOfUse(use)),
    builtin: use.builtin,
    async attack(server, stack) {
      const flooders = await useResources(server.port, use, stack);
      await sleep(1500);
      const begin = performance.now();
      for (let i = 0; i < times; i++) {
        await server.setTokens(i % 2 === 0 ? tokens : [GOOD, WEAK]);
        if (times > 1) await sleep(50);
      }
      const seen = await ended(server, flooders, use, ends, times === 1);
      const ms = performance.now() - begin;
      const bytes = flooders.reduce((all, { sent }) => all + sent, 0);
      return { connections: flooders.length, bytes, seen: `${seen} after ${ms.toFixed(0)} ms` };
    },
  };
}

/** Waits until all notices have arrived, and the connections that must end have ended. */
async function ended(
  server: ChildServer,
  flooders: readonly Flooder[],
  { notified: whole, held: resources, readsNothing }: ResourceUse,
  ends: boolean,
  allNotified: boolean,
): Promise<string> {
  // A stream ends with its connection, without a notice.
  const expected = ends ? resources.waits ?? 0 : whole;
  const received = () => totalReceived(flooders, "over") + totalReceived(flooders, "tooMany");
  if (allNotified && !await until(() => received() >= expected, NOTIFY_TIMEOUT)) {
    throw new Error(`only ${received()} of ${expected} were told`);
  }
  if (ends) {
    // The neighbour stays.
    const remaining = async () => (await server.report("as it is")).connections <= 1;
    if (!await until(remaining, NOTIFY_TIMEOUT)) throw new Error("some did not end");
  }
  if (
    !readsNothing && ends &&
    !await until(() => flooders.every(({ ended }) => ended), NOTIFY_TIMEOUT)
  ) {
    throw new Error("some were not closed");
  }
  return `${totalReceived(flooders, "over")} told, ${totalReceived(flooders, "tooMany")} refused`;
}

if (import.meta.main) {
  const [transport = "hardened", which] = Deno.args;
  const trials = RESOURCE_USES.flatMap((use) => CHANGES.map((change) => trial(use, change)));
  await runAttacks("New tokens", transport as TransportChoice, trials, which);
}
