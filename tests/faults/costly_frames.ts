/**
 * Frames that cost more to read than to write, from peers whose token is good; and what an honest neighbour notices.
 *
 * ```sh
 * deno run -A tests/faults/costly_frames.ts builtin|hardened [PART_OF_A_NAME] [CONNECTIONS]
 * ```
 *
 * @module
 */

import { table } from "../../measure/table.ts";
import type { TransportChoice } from "../../server.ts";
import { BareClient, clientFrame } from "../support/bare_client.ts";
import { ChildServer } from "./child_server.ts";
import { FRAMES } from "./costly_frames_list.ts";
import { MEMORY_LIMITS, mostMemory } from "./held_memory.ts";
import { type Harm, harmBy, Neighbour } from "./neighbour.ts";
import { pause } from "./pause.ts";

const MIB = 1024 * 1024;

/** No put of the neighbour may take longer, in milliseconds. */
const LONGEST = 100;

/** For so long a server may be at it, in milliseconds. */
const PATIENCE = 20_000;

const TOKENS = [
  { token: "good" },
  { token: "writes", topics: ["public."] },
  { token: "reads", topics: ["public."], rights: ["read" as const] },
];

/** Says a frame, and waits until the server has gone past it: it answers what comes next, or has closed the connection. */
async function attack(port: number, token: string, frame: Uint8Array): Promise<string> {
  using client = await BareClient.open(port, `Authorization: Bearer ${token}`);
  const last = clientFrame(1, '{"action":"heartbeat","id":77777777}');
  // It may be closed while it speaks.
  void client.say(frame).then(() => client.say(last)).catch(() => {});
  for (let next; (next = await client.next()) !== undefined;) {
    const { opcode, payload } = next;
    if (opcode === 8) return `closed with ${payload[0]! * 256 + payload[1]!}`;
    const tail = new TextDecoder().decode(payload.subarray(-40));
    if (tail.includes('"id":77777777')) return "answered";
  }
  return "cut";
}

/** One attack from some connections, on a server of its own. */
async function harmOf(
  transport: TransportChoice,
  token: string,
  frame: Uint8Array,
  connections: number,
): Promise<{ readonly harm: Harm; readonly seen: string }> {
  await using server = await ChildServer.start({
    ...{ transport, tokens: TOKENS },
    limits: MEMORY_LIMITS,
  });
  await using neighbour = await Neighbour.start(server.url, "good");
  let seen = "";
  const harm = await harmBy(server, neighbour, async () => {
    const all = Array.from({ length: connections }, () => attack(server.port, token, frame));
    const ends = Promise.all(all).then((ends) => [...new Set(ends)].join(", "));
    seen = await Promise.race([ends, pause(PATIENCE).then(() => "not done")]);
    await pause(200);
  });
  return { harm, seen };
}

async function main(transport: TransportChoice, only: string, few?: number): Promise<void> {
  const rows: string[][] = [];
  for (const [name, make] of Object.entries(FRAMES)) {
    if (!name.includes(only)) continue;
    const text = make();
    const frame = clientFrame(1, text);
    for (const connections of few === undefined ? [1, 30] : [few]) {
      for (const token of ["writes", "reads"]) {
        const { harm, seen } = await harmOf(transport, token, frame, connections);
        const { puts, p99, longest, failed, grown } = harm;
        const most = mostMemory(connections);
        const good = longest <= LONGEST && failed === 0 && grown <= most && seen !== "not done";
        rows.push([
          name,
          `${token}, ${connections} × ${(frame.length / MIB).toFixed(1)} MiB`,
          `${puts}`,
          `${p99.toFixed(1)} ms`,
          `${longest.toFixed(0)} ms`,
          `${(grown / MIB).toFixed(0)} of ${(most / MIB).toFixed(0)} MiB`,
          seen,
          good ? "yes" : "NO",
        ]);
        if (!good) Deno.exitCode = 1;
        console.error(rows.at(-1)!.join("  "));
      }
    }
  }
  const head = ["frame", "token, sent", "puts", "p99", "longest", "memory", "seen", "good"];
  console.log(`Costly frames beside a neighbour, ${transport}\n`);
  console.log(table(head, rows));
}

if (import.meta.main) {
  const [transport = "hardened", only = "", connections] = Deno.args;
  const few = connections === undefined ? undefined : Number(connections);
  await main(transport as TransportChoice, only, few);
  Deno.exit();
}
