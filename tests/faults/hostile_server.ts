/**
 * Clients among hostile servers: frames without an end, numbers that are none, answers to nothing, floods.
 * `deno run -A tests/faults/hostile_server.ts [builtin|hardened] [FRAMES]`. Each attack meets a client in a process of
 * its own, with our WebSocket and with that of the platform; the process has a second connection, to an honest server
 * over the transport that is named, and that is what others notice. Then a proxy changes the frames of an honest server.
 *
 * @module
 */

import { table } from "../../measure/table.ts";
import { largestAnswer, USUAL_LIMITS } from "../../protocol/limits.ts";
import type { TransportChoice } from "../../server.ts";
import { HostileServer } from "../support/hostile_server.ts";
import { ChildServer } from "./child_server.ts";
import { fuzzAnswers } from "./fuzz_answers.ts";
import { ATTACKS } from "./hostile_attacks.ts";
import { type Suffered, victim, type VictimOptions } from "./hostile_victim.ts";
import { mb } from "./verdicts.ts";

const MIB = 1024 * 1024;

/**
 * What has to hold: times in milliseconds, sizes in bytes. A client may hold one frame of the largest size that an answer
 * can have, and what a list of topics may take besides (`MAX_BYTES` in client/topic_list.ts). Where the platform reads
 * frames it has its own limits: there the figures are stated.
 */
const GOALS = { longest: 100, grown: 64 * MIB + largestAnswer(USUAL_LIMITS) };
const TOPICS = 40 * MIB;
const TIME = 2000;

/** So many meet their servers at a time: most only wait. Who is not good among the others is tried once more, alone. */
const TOGETHER = 6;

const transport = (Deno.args[0] ?? "hardened") as TransportChoice;
const frames = Number(Deno.args[1] ?? 20_000);
const only = Deno.args[2];

await using honest = await ChildServer.start({ transport });

interface Row {
  readonly name: string;
  readonly socket: VictimOptions["socket"];
  connections: number;
  suffered?: Suffered;
}

const all: Row[] = Object.keys(ATTACKS)
  .filter((name) => only === undefined || name.includes(only))
  .flatMap((name) => [{ name, socket: "ours", connections: 0 }, {
    name,
    socket: "platform",
    connections: 0,
  }]);

async function attack(row: Row): Promise<void> {
  await using server = new HostileServer(ATTACKS[row.name]!);
  const { socket } = row;
  row.suffered = await victim({ hostile: server.url, honest: honest.url, socket, time: TIME });
  row.connections = server.connections;
}

const queue = [...all];
await Promise.all(Array.from({ length: TOGETHER }, async () => {
  for (let row; (row = queue.shift());) await attack(row);
}));
// A machine that is busy elsewhere is no fault of the client's.
for (const row of all) if (!isGood(row)) await attack(row);

let failed = false;
const rows = all.map((row) => {
  const { outcomes, unsettled, uncaught, p99, longest, grown } = row.suffered!;
  const good = isGood(row);
  failed ||= !good;
  const seen = Object.entries(outcomes).map(([outcome, count]) => `${outcome} ${count}`);
  if (unsettled > 0) seen.push(`UNSETTLED ${unsettled}`);
  seen.push(...uncaught.map((why) => `UNCAUGHT ${why}`));
  return [
    row.name,
    row.socket,
    `${row.connections}`,
    seen.join(", "),
    `${p99.toFixed(1)} ms`,
    `${longest.toFixed(0)} ms`,
    mb(grown),
    good ? "yes" : "NO",
  ];
});
const head = ["attack", "socket", "connections", "calls", "p99", "longest", "memory", "good"];
console.log(`\n${table(head, rows)}\n`);

if (only === undefined) {
  const seed = Date.now() % 1e6;
  const fuzzed = await fuzzAnswers(honest.url, frames, seed);
  console.log(`frames of an honest server, changed (seed ${seed}): ${JSON.stringify(fuzzed)}`);
  failed ||= fuzzed.unsettled > 0 || fuzzed.uncaught.length > 0 || fuzzed.grown > GOALS.grown;
}
Deno.exit(failed ? 1 : 0);

function isGood({ name, socket, suffered }: Row): boolean {
  const { unsettled, uncaught, longest, grown } = suffered!;
  const most = GOALS.grown + (name.includes("topics") ? TOPICS : 0);
  const held = longest <= GOALS.longest && grown <= most;
  return unsettled === 0 && uncaught.length === 0 && (held || socket === "platform");
}
