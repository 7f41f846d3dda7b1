/**
 * Frames that cost more to read than to write, from peers with a valid token; and what an honest neighbour notices.
 * Linux alone.
 *
 * ```sh
 * deno run -A tests/faults/costly_frames.ts [builtin|hardened] [PART_OF_A_NAME|K/N] [CONNECTIONS,…]
 * ```
 *
 * It takes about 100 s; 1/3, 2/3 and 3/3 take a third of that each.
 *
 * @module
 */

import type { TransportChoice } from "../../server.ts";
import { clientFrame, RawSocket } from "../support/raw_socket.ts";
import { FRAMES } from "./costly_frames_list.ts";
import { maxMemory, MEMORY_LIMITS } from "./memory_limits.ts";
import { sleep } from "./sleep.ts";
import { WHOLE_FRAMES } from "./platform_limits.ts";
import { type AttackRun, runAttacks } from "./attack_runner.ts";

/** How long a server may take for them, in milliseconds. */
const TIMEOUT = 20_000;

const TOKENS = [
  { token: "good" },
  { token: "writes", prefixes: ["public."] },
  { token: "reads", prefixes: ["public."], permissions: ["read" as const] },
];

/** Sends a frame, and waits until the server has processed it: it answers the next request, or has closed the connection. */
async function attack(port: number, token: string, frame: Uint8Array): Promise<string> {
  using client = await RawSocket.open(port, `Authorization: Bearer ${token}`);
  const last = clientFrame(1, '{"action":"heartbeat","id":77777777}');
  // It may be closed while it sends.
  void client.send(frame).then(() => client.send(last)).catch(() => {});
  for (let next; (next = await client.next()) !== undefined;) {
    const { opcode, payload } = next;
    if (opcode === 8) return `closed with ${payload[0]! * 256 + payload[1]!}`;
    const tail = new TextDecoder().decode(payload.subarray(-40));
    if (tail.includes('"id":77777777')) return "answered";
  }
  return "cut";
}

function trial(name: string, make: () => string, connections: number, token: string): AttackRun {
  let frame: Uint8Array;
  return {
    name: `${name}, ${connections} × 3 MB (${token})`,
    options: { auth: { tokens: TOKENS }, limits: MEMORY_LIMITS },
    token: "good",
    memory: maxMemory(connections),
    ...connections > 1 && { builtin: WHOLE_FRAMES },
    prepare() {
      frame = clientFrame(1, make());
      return Promise.resolve();
    },
    async attack({ port }) {
      const ends = Array.from({ length: connections }, () => attack(port, token, frame));
      const tooLong = sleep(TIMEOUT).then(() => Promise.reject(new Error("not done in time")));
      const seen = new Set(await Promise.race([Promise.all(ends), tooLong]));
      await sleep(200);
      return { connections, bytes: connections * frame.length, seen: [...seen].join(", ") };
    },
  };
}

if (import.meta.main) {
  const [transport = "hardened", which, numbers = "1,30"] = Deno.args;
  const trials = Object.entries(FRAMES).flatMap(([name, make]) =>
    numbers.split(",").flatMap((number) =>
      ["writes", "reads"].map((token) => trial(name, make, Number(number), token))
    )
  );
  await runAttacks("Costly frames", transport as TransportChoice, trials, which);
  Deno.exit();
}
