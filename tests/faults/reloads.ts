/**
 * Other tokens, as at SIGHUP, while peers with a weak one have as much as they may: what they may not have any more ends,
 * each is told, and an honest neighbour does not notice.
 *
 * ```sh
 * deno run -A tests/faults/reloads.ts builtin|hardened [PART_OF_A_NAME | 1/2]
 * ```
 *
 * It takes about 100 s, half of that for each of `1/2` and `2/2`.
 *
 * @module
 */

import type { TokenGrant, TransportChoice } from "../../server.ts";
import type { ChildServer } from "./child_server.ts";
import { mostMemory } from "./held_memory.ts";
import type { Hoarder } from "./hoarder.ts";
import { GOOD, heldBy, type Hoard, HOARD_LIMITS, hoarded, HOARDS, sum, WEAK } from "./hoards.ts";
import { pause, until } from "./pause.ts";
import { type Trial, tryAll } from "./trials.ts";

/** In which way tokens change. */
interface Change {
  readonly name: string;
  readonly tokens: readonly TokenGrant[];
  /** How often, a twentieth of a second apart, and back in between. */
  readonly times?: number;
  /** The connections end. */
  readonly ends?: boolean;
}

const CHANGES: readonly Change[] = [
  { name: "whose token may read other topics now", tokens: [GOOD, { ...WEAK, topics: ["other"] }] },
  { name: "whose token is taken away", tokens: [GOOD], ends: true },
  {
    name: "whose token changes 40 times",
    tokens: [GOOD, { ...WEAK, rights: ["read"] }],
    times: 40,
  },
];

/** How long those have who have to be told, in milliseconds. */
const TOLD_WITHIN = 10_000;

function trial(hoard: Hoard, { name, tokens, times = 1, ends = false }: Change): Trial {
  return {
    name: `${hoard.name}, ${name}`,
    options: { tokens: [GOOD, WEAK], limits: HOARD_LIMITS },
    token: GOOD.token,
    memory: mostMemory(hoard.connections, heldBy(hoard)),
    builtin: hoard.builtin,
    async attack(server, crowd) {
      const hoarders = await hoarded(server.port, hoard, crowd);
      await pause(1500);
      const begin = performance.now();
      for (let i = 0; i < times; i++) {
        await server.setTokens(i % 2 === 0 ? tokens : [GOOD, WEAK]);
        if (times > 1) await pause(50);
      }
      const seen = await ended(server, hoarders, hoard, ends, times === 1);
      const ms = performance.now() - begin;
      const bytes = hoarders.reduce((all, { sent }) => all + sent, 0);
      return { connections: hoarders.length, bytes, seen: `${seen} after ${ms.toFixed(0)} ms` };
    },
  };
}

/** Waits until all are told that has to be told, and those have left who have to. */
async function ended(
  server: ChildServer,
  hoarders: readonly Hoarder[],
  { told: whole, held, deaf }: Hoard,
  ends: boolean,
  isTold: boolean,
): Promise<string> {
  // A stream ends with its connection, without a word.
  const told = ends ? held.waits ?? 0 : whole;
  const heard = () => sum(hoarders, "over") + sum(hoarders, "tooMany");
  if (isTold && !await until(() => heard() >= told, TOLD_WITHIN)) {
    throw new Error(`only ${heard()} of ${told} were told`);
  }
  if (ends) {
    // The neighbour stays.
    const left = async () => (await server.report("as it is")).connections <= 1;
    if (!await until(left, TOLD_WITHIN)) throw new Error("some did not leave");
  }
  if (!deaf && ends && !await until(() => hoarders.every(({ ended }) => ended), TOLD_WITHIN)) {
    throw new Error("some were not closed");
  }
  return `${sum(hoarders, "over")} told, ${sum(hoarders, "tooMany")} refused`;
}

if (import.meta.main) {
  const [transport = "hardened", which] = Deno.args;
  const trials = HOARDS.flatMap((hoard) => CHANGES.map((change) => trial(hoard, change)));
  await tryAll("Other tokens", transport as TransportChoice, trials, which);
}
