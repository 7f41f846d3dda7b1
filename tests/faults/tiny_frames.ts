/**
 * Floods of the smallest possible frames, with an honest client beside: from one connection, from eight
 * and from thirty. Linux alone.
 *
 * ```sh
 * deno run -A tests/faults/tiny_frames.ts [builtin|hardened] [PART_OF_A_NAME|K/N] [CONNECTIONS,…]
 * ```
 *
 * It takes about 140 s over `hardened` and 400 s over `builtin`; a fifth of it, such as 1/5, takes less than 90 s.
 *
 * @module
 */

import { connect } from "@dsmq/server/client";
import type { TransportChoice } from "../../server.ts";
import { clientFrame, RawSocket } from "../support/raw_socket.ts";
import { concat, repeated } from "../support/bytes.ts";
import { maxMemory, MEMORY_LIMITS } from "./memory_limits.ts";
import { sleep } from "./sleep.ts";
import { FLOOD } from "./platform_limits.ts";
import { type AttackRun, runAttacks } from "./attack_runner.ts";

/** The longest allowed wait, in milliseconds. */
const MAX_LATENCY = { hardened: 50, builtin: 100 };

/** How long each flood lasts, in milliseconds. */
const DURATION = 1500;

/** How much is sent at a time, in bytes. */
const BLOCK = 64 * 1024;

const TEXT = 1, BINARY = 2, PING = 9, PONG = 10, CLOSE = 8;

/** Who floods. */
type Role = "no token" | "reads only" | "all permissions";

interface Flood {
  readonly name: string;
  readonly role: Role;
  /** The frame that is repeated. */
  readonly frames: readonly Uint8Array[];
  /** The frame that is sent first. */
  readonly first?: readonly Uint8Array[];
  /** It reads no replies. */
  readonly readsNothing?: boolean;
}

function requests(request: object): Uint8Array {
  return clientFrame(TEXT, JSON.stringify(request));
}

function flood(name: string, frames: readonly Uint8Array[], role: Role = "all permissions"): Flood {
  return { name, role, frames };
}

const EMPTY = clientFrame(TEXT);
const PUT = requests({ action: "put", topic: "t", message: "m" });
const GET = requests({ action: "get", topic: "t" });
const FRAGMENTS = [
  clientFrame(TEXT, "", { final: false }),
  ...Array.from({ length: 500 }, () => clientFrame(0, "", { final: false })),
  clientFrame(0, "{}"),
];

const FLOODS: readonly Flood[] = [
  flood("empty frames", [EMPTY], "no token"),
  flood("empty frames", [EMPTY]),
  flood("{}", [clientFrame(TEXT, "{}")], "no token"),
  flood("{}", [clientFrame(TEXT, "{}")]),
  flood("[{},{}]", [clientFrame(TEXT, "[{},{}]")]),
  flood("2 bytes of text", [clientFrame(TEXT, "ab")], "reads only"),
  flood("binary frames", [clientFrame(BINARY, new Uint8Array(1))]),
  flood("pings", [clientFrame(PING, "p")]),
  { ...flood("pings, pongs unread", [clientFrame(PING, "p".repeat(125))]), readsNothing: true },
  flood("pongs", [clientFrame(PONG)], "reads only"),
  flood("fragments of 0 bytes", FRAGMENTS),
  flood("heartbeats", [requests({ action: "heartbeat" })]),
  flood("answered heartbeats", [requests({ action: "heartbeat", id: 1 })], "reads only"),
  flood("puts", [PUT]),
  flood("refused puts", [PUT], "reads only"),
  flood("gets", [GET], "reads only"),
  { ...flood("gets, replies unread", [GET], "reads only"), readsNothing: true },
  flood("cancels", [requests({ action: "cancel", wait: 1 })], "reads only"),
  { ...flood("frames after a close", [EMPTY]), first: [clientFrame(CLOSE)] },
];

/** Repeats frames up to the size of a block. */
function block(frames: readonly Uint8Array[]): Uint8Array {
  const once = frames.reduce(concat);
  return repeated(once, Math.max(1, Math.floor(BLOCK / once.length)));
}

const TOKENS = [{ token: "good" }, { token: "reader", permissions: ["read"] as const }];

interface FloodCost {
  bytes: number;
  connections: number;
  readonly codes: Map<number | "cut", number>;
}

/** Floods over one connection after another, as the server closes them. */
async function floodOnce(port: number, what: Flood, until: number, cost: FloodCost): Promise<void> {
  const bytes = block(what.frames);
  const token =
    { "no token": undefined, "reads only": "reader", "all permissions": "good" }[what.role];
  const headers = token === undefined ? [] : [`Authorization: Bearer ${token}`];
  while (performance.now() < until) {
    let client: RawSocket;
    try {
      client = await RawSocket.open(port, "Sec-WebSocket-Protocol: dsmq", ...headers);
    } catch {
      await sleep(10);
      continue;
    }
    cost.connections++;
    const timer = setTimeout(() => client.cut(), Math.max(0, until - performance.now()));
    const closed = what.readsNothing ? Promise.resolve(undefined) : client.closeCode();
    try {
      for (const frame of what.first ?? []) await client.send(frame);
      while (performance.now() < until) {
        await client.send(bytes);
        cost.bytes += bytes.length;
      }
    } catch {
      if (performance.now() < until) {
        const code = await closed ?? "cut";
        cost.codes.set(code, (cost.codes.get(code) ?? 0) + 1);
      }
    }
    clearTimeout(timer);
    client.cut();
    await closed;
  }
}

/** Uses a server as honest clients do, so that its heap has its usual size before the attack. */
async function use(url: string): Promise<void> {
  await using mq = await connect(url, { token: "good" });
  for (let round = 0; round < 4; round++) {
    await mq.putMany("used", Array.from({ length: 10_000 }, () => "x".repeat(100)));
    for (let i = 0; i < 500; i++) await mq.put("used", "x");
  }
}

function trial(what: Flood, transport: TransportChoice, connections: number): AttackRun {
  return {
    name: `${what.name} of ${connections} (${what.role})`,
    options: { auth: { tokens: TOKENS }, limits: MEMORY_LIMITS },
    token: "good",
    memory: maxMemory(connections),
    longest: MAX_LATENCY[transport],
    builtin: FLOOD,
    prepare: ({ url }) => use(url),
    async attack({ port }) {
      const cost: FloodCost = { bytes: 0, connections: 0, codes: new Map() };
      const until = performance.now() + DURATION;
      await Promise.all(
        Array.from({ length: connections }, () => floodOnce(port, what, until, cost)),
      );
      const codes = [...cost.codes].map(([code, count]) => `${count} × ${code}`).join(", ");
      return { ...cost, seen: codes && `closed: ${codes}` };
    },
  };
}

if (import.meta.main) {
  const [name = "hardened", which, numbers = "1,8,30"] = Deno.args;
  const transport = name as TransportChoice;
  const trials = FLOODS.flatMap((what) =>
    numbers.split(",").map((number) => trial(what, transport, Number(number)))
  );
  await runAttacks("Floods of tiny frames", transport, trials, which);
  Deno.exit();
}
