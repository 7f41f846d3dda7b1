/**
 * Clients of hostile servers: frames without an end, invalid numbers, replies to nothing, floods. Each attack
 * targets a client in its own process, with our WebSocket and with that of the platform; the process has a second
 * connection to an honest server over the chosen transport, which shows the effect on others. Then a proxy changes
 * the frames of an honest server.
 *
 * ```sh
 * deno run -A tests/faults/hostile_server.ts [builtin|hardened] [PART_OF_A_NAME|K/N] [FRAMES]
 * ```
 *
 * It takes about 100 s; 1/2 and 2/2 take less than that.
 *
 * @module
 */

import { maxReplyFrameBytes } from "../../protocol/frame_sizes.ts";
import { DEFAULT_LIMITS } from "../../protocol/limits.ts";
import type { TransportChoice } from "../../server.ts";
import { HostileServer } from "../support/hostile_server.ts";
import { ChildServer } from "./child_server.ts";
import { fuzzReplies } from "./fuzz_replies.ts";
import { ATTACKS } from "./hostile_attacks.ts";
import { type Damage, victim, type VictimOptions } from "./hostile_victim.ts";
import { MIB, mib, Report, type Verdict } from "./report.ts";
import { PLATFORM_SOCKET } from "./platform_limits.ts";
import { gradeOf, missedGoals, selected } from "./attack_runner.ts";

/**
 * How much memory a client may take, in bytes: one frame of the largest reply, the limit of a list of topics
 * (`MAX_BYTES` in client/topic_list.ts), and the memory of any program.
 */
const [FRAME, TOPICS, SLACK] = [maxReplyFrameBytes(DEFAULT_LIMITS), 40 * MIB, 64 * MIB];

/** How long each client makes calls, in milliseconds. */
const TIME = 2000;

/** How many attacks run at a time: most only wait. An attack with a bad result is repeated once, alone. */
const TOGETHER = 6;

const CHANGED = "frames of an honest server, changed";

interface Encounter {
  readonly name: string;
  readonly socket: VictimOptions["socket"];
  connections: number;
  damage?: Damage;
}

async function run(encounter: Encounter, honest: string): Promise<void> {
  const { name, socket } = encounter;
  await using server = new HostileServer(ATTACKS[name]!);
  encounter.damage = await victim({ hostile: server.url, honest, socket, time: TIME });
  encounter.connections = server.connections;
}

function verdictOf({ name, socket, damage }: Encounter): Verdict {
  const { unsettled, uncaught } = damage!;
  if (unsettled > 0 || uncaught.length > 0) return { good: false };
  const memory = FRAME + SLACK + (name.includes("topics") ? TOPICS : 0);
  const stated = socket === "platform" ? PLATFORM_SOCKET : undefined;
  return gradeOf(missedGoals(damage!, { memory }), stated);
}

/** The outcomes of the calls. */
function seenOf(
  { outcomes, unsettled, uncaught }: Pick<Damage, "outcomes" | "unsettled" | "uncaught">,
): string {
  const seen = Object.entries(outcomes).map(([outcome, count]) => `${outcome} ${count}`);
  if (unsettled > 0) seen.push(`UNSETTLED ${unsettled}`);
  return [...seen, ...uncaught.map((reason) => `UNCAUGHT ${reason}`)].join(", ");
}

async function main(transport: TransportChoice, which: string | undefined, frames: number) {
  await using honest = await ChildServer.start({ transport });
  const names = selected([...Object.keys(ATTACKS), CHANGED].map((name) => ({ name })), which);
  const encounters = names.filter(({ name }) => name !== CHANGED).flatMap((
    { name },
  ): Encounter[] => [
    { name, socket: "ours", connections: 0 },
    { name, socket: "platform", connections: 0 },
  ]);
  const queue = [...encounters];
  await Promise.all(Array.from({ length: TOGETHER }, async () => {
    for (let encounter; (encounter = queue.shift());) await run(encounter, honest.url);
  }));
  // A busy machine is not the client's fault.
  for (const encounter of encounters) {
    if (!verdictOf(encounter).good) await run(encounter, honest.url);
  }

  const report = new Report("attack", "socket", "connections", "calls", "p99", "longest", "memory");
  for (const encounter of encounters) {
    const { name, socket, connections } = encounter;
    const { p99, longest, growth } = encounter.damage!;
    const figures = [`${p99.toFixed(1)} ms`, `${longest.toFixed(0)} ms`, mib(growth)];
    const cells = [name, socket, `${connections}`, seenOf(encounter.damage!), ...figures];
    report.row(cells, verdictOf(encounter));
  }
  if (names.some(({ name }) => name === CHANGED)) {
    const seed = Date.now() % 1e6;
    const fuzzed = await fuzzReplies(honest.url, frames, seed);
    const { unsettled, uncaught, growth } = fuzzed;
    const good = unsettled === 0 && uncaught.length === 0 && growth <= FRAME + SLACK;
    const name = `${CHANGED} (seed ${seed})`;
    report.row([name, "platform", "", seenOf(fuzzed), "", "", mib(growth)], { good });
  }
  report.print(`Clients of hostile servers, and of an honest one over ${transport}`);
}

if (import.meta.main) {
  const [transport = "hardened", which, frames = "10000"] = Deno.args;
  await main(transport as TransportChoice, which, Number(frames));
  Deno.exit();
}
