/**
 * Clients among hostile servers: frames without an end, numbers that are none, answers to nothing, floods.
 * `deno run -A tests/faults/hostile_server.ts [builtin|hardened] [FRAMES]`. Each attack meets a client in a process of
 * its own, with our WebSocket and with that of the platform; the process has a second connection, to an honest server
 * over the transport that is named, and that is what others notice. Then a proxy changes the frames of an honest server.
 *
 * @module
 */

import { table } from "../../measure/table.ts";
import type { TransportChoice } from "../../server.ts";
import { HostileServer } from "../support/hostile_server.ts";
import { ChildServer } from "./child_server.ts";
import { fuzzAnswers } from "./fuzz_answers.ts";
import { ATTACKS } from "./hostile_attacks.ts";
import { type Suffered, victim, type VictimOptions } from "./hostile_victim.ts";
import { mb } from "./verdicts.ts";

/** What has to hold: times in milliseconds, sizes in bytes. Where the platform reads frames it has its own limits. */
const GOALS = { longest: 100, grown: 64 * 1024 * 1024 };
const TIME = 2000;

const transport = (Deno.args[0] ?? "hardened") as TransportChoice;
const frames = Number(Deno.args[1] ?? 20_000);
const only = Deno.args[2];

await using honest = await ChildServer.start({ transport });
const rows: string[][] = [];
let failed = false;
for (const [name, act] of Object.entries(ATTACKS)) {
  if (only !== undefined && !name.includes(only)) continue;
  for (const socket of ["ours", "platform"] as const) {
    await using server = new HostileServer(act);
    const options: VictimOptions = { hostile: server.url, honest: honest.url, socket, time: TIME };
    // A machine that is busy elsewhere is no fault of the client's: what is slow is tried once more.
    let suffered = await victim(options);
    if (!isGood(suffered, socket)) suffered = await victim(options);
    const good = isGood(suffered, socket);
    failed ||= !good;
    const { outcomes, unsettled, uncaught, p99, longest, grown } = suffered;
    const seen = Object.entries(outcomes).map(([outcome, count]) => `${outcome} ${count}`);
    if (unsettled > 0) seen.push(`UNSETTLED ${unsettled}`);
    seen.push(...uncaught.map((why) => `UNCAUGHT ${why}`));
    rows.push([
      name,
      socket,
      `${server.connections}`,
      seen.join(", "),
      `${p99.toFixed(1)} ms`,
      `${longest.toFixed(0)} ms`,
      mb(grown),
      good ? "yes" : "NO",
    ]);
    console.log(rows.at(-1)!.join(" | "));
  }
}
const head = ["attack", "socket", "connections", "calls", "p99", "longest", "memory", "good"];
console.log(`\n${table(head, rows)}\n`);

if (only === undefined) {
  const seed = Date.now() % 1e6;
  const fuzzed = await fuzzAnswers(honest.url, frames, seed);
  console.log(`frames of an honest server, changed (seed ${seed}): ${JSON.stringify(fuzzed)}`);
  failed ||= fuzzed.unsettled > 0 || fuzzed.uncaught.length > 0 || fuzzed.grown > GOALS.grown;
}
Deno.exit(failed ? 1 : 0);

function isGood({ unsettled, uncaught, longest, grown }: Suffered, socket: string): boolean {
  // A list of topics may take that much besides.
  const held = longest <= GOALS.longest && grown <= GOALS.grown + 40 * 1024 * 1024;
  return unsettled === 0 && uncaught.length === 0 && (held || socket === "platform");
}
