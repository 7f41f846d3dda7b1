/**
 * Clients among hostile servers: frames without an end, numbers that are none, answers to nothing, floods. Each attack
 * meets a client in a process of its own, with our WebSocket and with that of the platform; the process has a second
 * connection, to an honest server over the transport that is named, and that is what others notice. Then a proxy changes
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

import { largestAnswer, USUAL_LIMITS } from "../../protocol/limits.ts";
import type { TransportChoice } from "../../server.ts";
import { HostileServer } from "../support/hostile_server.ts";
import { ChildServer } from "./child_server.ts";
import { fuzzAnswers } from "./fuzz_answers.ts";
import { ATTACKS } from "./hostile_attacks.ts";
import { type Suffered, victim, type VictimOptions } from "./hostile_victim.ts";
import { MIB, mib, Report, type Verdict } from "./report.ts";
import { PLATFORM_SOCKET } from "./stated.ts";
import { judged, missedBy, picked } from "./trials.ts";

/**
 * What a client may take, in bytes: one frame of the largest size that an answer can have, what a list of topics may have
 * besides (`MAX_BYTES` in client/topic_list.ts), and what any program takes.
 */
const [FRAME, TOPICS, SLACK] = [largestAnswer(USUAL_LIMITS), 40 * MIB, 64 * MIB];

/** For so long each client calls, in milliseconds. */
const TIME = 2000;

/** So many meet their servers at a time: most only wait. Who is not good among the others is tried once more, alone. */
const TOGETHER = 6;

const CHANGED = "frames of an honest server, changed";

interface Meeting {
  readonly name: string;
  readonly socket: VictimOptions["socket"];
  connections: number;
  suffered?: Suffered;
}

async function meet(meeting: Meeting, honest: string): Promise<void> {
  const { name, socket } = meeting;
  await using server = new HostileServer(ATTACKS[name]!);
  meeting.suffered = await victim({ hostile: server.url, honest, socket, time: TIME });
  meeting.connections = server.connections;
}

function verdictOf({ name, socket, suffered }: Meeting): Verdict {
  const { unsettled, uncaught } = suffered!;
  if (unsettled > 0 || uncaught.length > 0) return { good: false };
  const memory = FRAME + SLACK + (name.includes("topics") ? TOPICS : 0);
  const stated = socket === "platform" ? PLATFORM_SOCKET : undefined;
  return judged(missedBy(suffered!, { memory }), stated);
}

/** How calls ended. */
function seenOf(
  { outcomes, unsettled, uncaught }: Pick<Suffered, "outcomes" | "unsettled" | "uncaught">,
): string {
  const seen = Object.entries(outcomes).map(([outcome, count]) => `${outcome} ${count}`);
  if (unsettled > 0) seen.push(`UNSETTLED ${unsettled}`);
  return [...seen, ...uncaught.map((why) => `UNCAUGHT ${why}`)].join(", ");
}

async function main(transport: TransportChoice, which: string | undefined, frames: number) {
  await using honest = await ChildServer.start({ transport });
  const names = picked([...Object.keys(ATTACKS), CHANGED].map((name) => ({ name })), which);
  const meetings = names.filter(({ name }) => name !== CHANGED).flatMap(({ name }): Meeting[] => [
    { name, socket: "ours", connections: 0 },
    { name, socket: "platform", connections: 0 },
  ]);
  const queue = [...meetings];
  await Promise.all(Array.from({ length: TOGETHER }, async () => {
    for (let meeting; (meeting = queue.shift());) await meet(meeting, honest.url);
  }));
  // A machine that is busy elsewhere is no fault of the client's.
  for (const meeting of meetings) if (!verdictOf(meeting).good) await meet(meeting, honest.url);

  const report = new Report("attack", "socket", "connections", "calls", "p99", "longest", "memory");
  for (const meeting of meetings) {
    const { name, socket, connections } = meeting;
    const { p99, longest, grown } = meeting.suffered!;
    const figures = [`${p99.toFixed(1)} ms`, `${longest.toFixed(0)} ms`, mib(grown)];
    const cells = [name, socket, `${connections}`, seenOf(meeting.suffered!), ...figures];
    report.row(cells, verdictOf(meeting));
  }
  if (names.some(({ name }) => name === CHANGED)) {
    const seed = Date.now() % 1e6;
    const fuzzed = await fuzzAnswers(honest.url, frames, seed);
    const { unsettled, uncaught, grown } = fuzzed;
    const good = unsettled === 0 && uncaught.length === 0 && grown <= FRAME + SLACK;
    const name = `${CHANGED} (seed ${seed})`;
    report.row([name, "platform", "", seenOf(fuzzed), "", "", mib(grown)], { good });
  }
  report.print(`Clients of hostile servers, and of an honest one over ${transport}`);
}

if (import.meta.main) {
  const [transport = "hardened", which, frames = "10000"] = Deno.args;
  await main(transport as TransportChoice, which, Number(frames));
  Deno.exit();
}
